"""Fixtures: a database server as in production, which tests may stop and start again.

Passwords for everybody, an owner who is no superuser, and the logins of the services.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.localstack.postgres import STOP_SIGNALS, Cluster
from promtsdb_dagster.localstack.processes import Identity, stop
from promtsdb_dagster.settings import load_settings
from tests.fix_postgres import SQL_DIR, ScratchDatabase
from tests.fix_telegraf import as_role, make_service_roles

TELEGRAF_PASSWORD, POSTGREST_PASSWORD = "t'3l\"3 graf", "p0stgr3st"


class Deployment:
    """One server with one migrated database."""

    def __init__(self, folder: Path, *, timescaledb: bool | None = None) -> None:
        """Choose a port; nothing runs before `start`."""
        bindir = load_settings().pg_bindir
        self._cluster = Cluster(folder, folder / "server.log", bindir, timescaledb)
        self._port = free_port()
        self._server: Identity | None = None

    @property
    def log(self) -> Path:
        """Return the server's log."""
        return self._cluster.log

    def url(self, *, admin: bool = False) -> str:
        """Return the URL of the owner, or of the superuser."""
        return self._cluster.url(self._port, admin=admin)

    @property
    def telegraf_url(self) -> str:
        """Return the URL that Telegraf logs in with."""
        return as_role(self.url(), "telegraf", "t%273l%223%20graf")

    def deploy(self) -> None:
        """Start the server, migrate and make the roles as the owner does."""
        self.start()
        Migrator(Database(self.url()), load_migrations(SQL_DIR)).up()
        make_service_roles(self.url(), TELEGRAF_PASSWORD, POSTGREST_PASSWORD)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._server = self._cluster.start(self._port)

    def stop(self) -> None:
        """Stop it as a restart does: what is open is broken off in order."""
        if self._server is not None:
            stop(self._server, STOP_SIGNALS)
            self._server = None

    def remove(self) -> None:
        """Stop it and delete its data, which may lie behind a link, in a folder of the server's."""
        self.stop()
        shutil.rmtree(self._cluster.folder.resolve(), ignore_errors=True)

    @contextmanager
    def database(self) -> Iterator[ScratchDatabase]:
        """Lend the database as its owner."""
        with ScratchDatabase(self.url()) as database:
            yield database


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """Run a server with what a deployment makes, with TimescaleDB where it is installed."""
    found = Deployment(tmp_path / "server")
    try:
        found.deploy()
        yield found
    finally:
        found.remove()
