"""A file system that is really full, below the metrics of one database."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from faults.statements import statement
from faults.world import World
from promtsdb_dagster.localstack.accounts import server_user

_SIZE = 24 * 1024 * 1024
_TABLESPACE = "small_disk"


@dataclass(frozen=True)
class Disk:
    """A small file system, or where none can be mounted, a server that says it is full."""

    world: World
    folder: Path | None

    @property
    def how(self) -> str:
        """Say what is full."""
        return "a tmpfs was full" if self.folder else "not root: an error was raised instead"

    def fill(self, *, leave: int) -> None:
        """Leave so many bytes."""
        if self.folder is None:
            self._say("raise_disk_full")
            return
        free = shutil.disk_usage(self.folder).free
        (self.folder / "filler").write_bytes(b"\0" * max(0, free - leave))

    def free(self) -> None:
        """Make room again."""
        if self.folder is None:
            self._say("raise_no_disk_full")
            return
        (self.folder / "filler").unlink()

    def _say(self, name: str) -> None:
        with psycopg.connect(self.world.admin_url(), autocommit=True) as connection:
            connection.execute(statement(name))


@contextmanager
def small_disk(world: World) -> Iterator[Disk]:
    """Have the gauges of the try's database on a small file system until the end of the block.

    The database must be dropped before the block ends.
    """
    folder = world.folder / "small"
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        yield Disk(world, None)
        return
    try:
        data = folder / "data"
        data.mkdir()
        user = server_user(folder)
        world.folder.chmod(0o755)
        folder.chmod(0o755)
        if user:
            shutil.chown(data, user)
        with psycopg.connect(world.admin_url(), autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE {_TABLESPACE} LOCATION '{data}'".encode())
            connection.execute(f"GRANT CREATE ON TABLESPACE {_TABLESPACE} TO PUBLIC".encode())
            connection.execute(statement(f"move_gauges_{world.engine}"))
        yield Disk(world, folder)
        with world.postgres.admin() as admin:
            admin.execute(f"DROP TABLESPACE {_TABLESPACE}".encode())
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)
