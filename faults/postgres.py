"""A server of the suite's own that may be killed, with the roles of production."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from faults.statements import statement
from faults.waiting import until
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.localstack.postgres import OWNER, STOP_SIGNALS, Cluster
from promtsdb_dagster.localstack.processes import Identity, alive, stop
from promtsdb_dagster.settings import load_settings

_TEMPLATE = "fault_template"
_SETTINGS = {
    # A killed process loses nothing that the kernel has; only a killed machine would.
    "fsync": "off",
    "shared_buffers": "'128MB'",
    "max_connections": "100",
    # A template may have no other session.
    "autovacuum_naptime": "'1h'",
}
# A policy that works by itself is a fault of its own, and the scheduler keeps a database from
# being a template.
_TIMESCALEDB_SETTINGS = {"timescaledb.max_background_workers": "0"}


class Postgres:
    """One server on one port, however often it is killed and started again."""

    def __init__(self, folder: Path, engine: str) -> None:
        """Choose a port; nothing runs before `start`."""
        timescaledb = engine == "timescaledb"
        more = {**_SETTINGS, **(_TIMESCALEDB_SETTINGS if timescaledb else {})}
        bindir = load_settings().pg_bindir
        self.log = folder / "postgres.log"
        self.port = free_port()
        self._cluster = Cluster(folder / "postgres", self.log, bindir, timescaledb, more)
        self._server: Identity | None = None
        self._numbers = count(1)
        self._migrated = False

    def start(self) -> None:
        """Start the server and wait until it answers; safe to repeat."""
        if not self.running:
            self._server = self._cluster.start(self.port)

    @property
    def running(self) -> bool:
        """Say whether the postmaster is there."""
        return self._server is not None and alive(self._server)

    def stop(self) -> None:
        """Stop it in order; sessions are broken off."""
        if self._server is not None:
            stop(self._server, STOP_SIGNALS)
            self._server = None

    def kill(self) -> None:
        """Kill the postmaster and all its children at once, and wait until they are gone."""
        if self._server is None:
            return
        postmaster = self._server.pid
        # The postmaster first: it would answer the death of a child with a recovery of its own.
        os.kill(postmaster, signal.SIGSTOP)
        family = children_of(postmaster)
        for pid in (postmaster, *family):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not self.running, 20, "the killed postmaster is gone")
        until(lambda: not any(map(_exists, family)), 20, "the killed servers are gone")
        self._server = None

    def remove(self) -> None:
        """Stop it and delete its data, which may lie behind a link."""
        self.stop()
        shutil.rmtree(self._cluster.folder.resolve(), ignore_errors=True)

    def url(self, name: str) -> str:
        """Return the owner's URL of one database."""
        return self._cluster.url(self.port, database=name)

    def admin_url(self, name: str = "postgres") -> str:
        """Return the superuser's URL of one database."""
        return self._cluster.url(self.port, admin=True, database=name)

    @contextmanager
    def admin(self, name: str = "postgres") -> Iterator[psycopg.Connection]:
        """Lend an autocommit connection of the superuser."""
        with psycopg.connect(self.admin_url(name), autocommit=True) as connection:
            yield connection

    def migrated_url(self) -> str:
        """Return the owner's URL of a new database with every migration applied."""
        if not self._migrated:
            template = self._create(_TEMPLATE, "template0")
            Migrator(Database(template), load_migrations(load_settings().sql_dir)).up()
            self._migrated = True
        return self._create(f"fault_{next(self._numbers)}", _TEMPLATE)

    def empty_url(self) -> str:
        """Return the owner's URL of a new, empty database."""
        return self._create(f"fault_{next(self._numbers)}", "template0")

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected."""
        name = sql.Identifier(url.rsplit("/", 1)[1])
        with self.admin() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def copy(self, url: str, name: str) -> str:
        """Make a copy of a database in place of one of that name; return its owner's URL."""
        self.drop(self.url(name))
        return self._create(name, url.rsplit("/", 1)[1])

    def end_sessions(self) -> None:
        """End every session of a client, as an administrator or a failing network does."""
        with self.admin() as connection:
            connection.execute(statement("end_sessions"))

    def _create(self, name: str, template: str) -> str:
        with self.admin() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template)
                )
            )
        return self.url(name)


def children_of(pid: int) -> list[int]:
    """Return the processes that one has started, by whichever of its threads."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(each) for file in files for each in file.read_text(encoding="ascii").split()]


def _exists(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return state[state.rindex(")") + 2] not in "ZX"
