"""Find the programs that the stack starts; `scripts/setup` and `scripts/tools` bring them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from promtsdb_dagster.errors import StackError
from promtsdb_dagster.settings import ROOT

TOOLS = ROOT / "tools" / "bin"
OLDEST_POSTGRES = 15
_POSTGRES_PATTERNS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True)
class PostgresBinaries:
    """One installed PostgreSQL server."""

    folder: Path
    major: int

    @property
    def has_timescaledb(self) -> bool:
        """Say whether this server has the extension's control file."""
        return any(
            (folder / "timescaledb.control").exists() for folder in self._extension_folders()
        )

    def _extension_folders(self) -> Iterator[Path]:
        config = self.folder / "pg_config"
        if config.exists():
            yield Path(_output(config, "--sharedir")) / "extension"
        yield Path("/usr/share/postgresql") / str(self.major) / "extension"
        for share in ("share", "share/postgresql"):
            yield self.folder.parent / share / "extension"


def find_postgres(wanted: Path | None = None, major: int | None = None) -> PostgresBinaries:
    """Return the newest server that is new enough, of `major` when given.

    `wanted` (PG_BINDIR) is taken as it is. Raises StackError naming what to install.
    """
    found = {each.folder: each for each in map(_probe, _folders(wanted)) if each}
    usable = [each for each in found.values() if each.major >= OLDEST_POSTGRES]
    if major is not None:
        usable = [each for each in usable if each.major == major]
    if usable:
        return max(usable, key=lambda each: each.major)
    seen = ", ".join(f"{each.major} in {each.folder}" for each in found.values()) or "none"
    if wanted is not None:
        raise StackError(
            f"PG_BINDIR={wanted} has no PostgreSQL server of version "
            f"{major or f'{OLDEST_POSTGRES} or newer'} (found: {seen}); "
            "unset it to use the installed one, or name the folder with initdb and postgres"
        )
    if major is not None:
        raise StackError(
            f"the stack's cluster was made by PostgreSQL {major}, which is not installed (found: "
            f"{seen}); `sudo apt-get install postgresql-{major}`, or begin anew without its data: "
            "`.venv/bin/python -m promtsdb_dagster.localstack remove`"
        )
    raise StackError(
        f"no PostgreSQL server of version {OLDEST_POSTGRES} or newer is installed (found: {seen}); "
        "`sudo apt-get install postgresql`, or name its folder in PG_BINDIR"
    )


def timescaledb_missing(bindir: Path) -> str | None:
    """Return why the server in `bindir` cannot run TimescaleDB with the Community licence, or None.

    A server may have the extension without the library of that licence.
    """
    folders = [bindir.parent / "lib"]
    config = bindir / "pg_config"
    if config.exists() and (told := _output(config, "--pkglibdir")):
        folders.append(Path(told))
    if any(next(folder.glob("timescaledb-tsl-*.so"), None) for folder in folders):
        return None
    return f"the server in {bindir} has no TimescaleDB (Community)"


def find_program(name: str) -> Path | None:
    """Return a program that `make tools` built, else one on the PATH, else None."""
    found = shutil.which(name, path=str(TOOLS)) or shutil.which(name)
    return Path(found) if found else None


def _folders(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        yield wanted
        return
    config = find_program("pg_config")
    if config:
        yield Path(_output(config, "--bindir"))
    for pattern in _POSTGRES_PATTERNS:
        yield from Path("/").glob(pattern)
    for folder in os.get_exec_path():
        yield Path(folder)


def _probe(folder: Path) -> PostgresBinaries | None:
    folder = folder.resolve()
    if not all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres")):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", _output(folder / "postgres", "--version"))
    return PostgresBinaries(folder, int(version[1])) if version else None


def _output(program: Path, *arguments: str) -> str:
    try:
        answer = subprocess.run(
            [str(program), *arguments], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()
