"""Migrations as texts: which files make a version, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from promtsdb_dagster.errors import MigrationError

Engine = Literal["timescaledb", "postgresql"]
Way = Literal["up", "down"]

_LEGAL_NAME = re.compile(r"\d{3}_[a-z][a-z0-9_]*\.(up|down)\.sql")


@dataclass(frozen=True)
class Migration:
    """Hold one version; a portable text, where there is one, is for PostgreSQL alone."""

    version: int
    topic: str
    up: str
    down: str
    portable_up: str | None = None
    portable_down: str | None = None

    @property
    def name(self) -> str:
        """Return the number and the topic, as in the file name."""
        return f"{self.version:03d}_{self.topic}"

    def up_text(self, engine: Engine) -> str:
        """Return what applies this version on the engine."""
        return self.up if engine == "timescaledb" else self.portable_up or self.up

    def down_text(self, engine: Engine) -> str:
        """Return what takes this version back on the engine."""
        return self.down if engine == "timescaledb" else self.portable_down or self.down

    def path(self, engine: Engine, way: Way) -> str:
        """Return where the text for the engine stands, for messages."""
        portable = self.portable_up if way == "up" else self.portable_down
        folder = "portable" if engine == "postgresql" and portable else "migrations"
        return f"sql/{folder}/{self.name}.{way}.sql"

    def checksum(self, engine: Engine) -> str:
        """Return the SHA-256 of the applied text, in hex."""
        return sha256(self.up_text(engine).encode()).hexdigest()


def assemble(files: Mapping[str, str], portable: Mapping[str, str]) -> tuple[Migration, ...]:
    """Return the versions that the texts of two folders make, by file name.

    Raises MigrationError on an illegal name, a gap, a double number or a missing half.
    """
    for folder, held in (("migrations", files), ("portable", portable)):
        for name in sorted(held):
            _check_name(folder, name, held)
    for stray in sorted(portable.keys() - files.keys()):
        raise MigrationError(
            f"sql/portable/{stray} replaces no file of sql/migrations; "
            "give it the name of the file that it stands for, or remove it"
        )
    migrations = []
    for wanted, stem in enumerate(sorted({name.split(".")[0] for name in files}), start=1):
        if int(stem[:3]) != wanted:
            raise MigrationError(
                f"sql/migrations/{stem}.up.sql has the number {stem[:3]}, wanted {wanted:03d}; "
                "numbers start at 001, without a gap and without doubles"
            )
        up, down = f"{stem}.up.sql", f"{stem}.down.sql"
        migrations.append(
            Migration(
                wanted, stem[4:], files[up], files[down], portable.get(up), portable.get(down)
            )
        )
    return tuple(migrations)


def _check_name(folder: str, name: str, held: Mapping[str, str]) -> None:
    if not _LEGAL_NAME.fullmatch(name):
        raise MigrationError(
            f"sql/{folder}/{name} is not a legal name for a migration, "
            "wanted NNN_topic.up.sql or NNN_topic.down.sql; rename or remove it"
        )
    stem, way = name.split(".")[:2]
    other = f"{stem}.{'down' if way == 'up' else 'up'}.sql"
    if other not in held:
        raise MigrationError(
            f"sql/{folder}/{name} has no {other} beside it; every migration goes both ways"
        )
