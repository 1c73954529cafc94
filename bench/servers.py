"""A server of its own for each engine, with the settings that people run in production."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from bench.statements import statement
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.localstack.binaries import find_postgres, timescaledb_missing
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.localstack.postgres import OWNER, STOP_SIGNALS, Cluster
from promtsdb_dagster.localstack.processes import stop
from promtsdb_dagster.settings import load_settings

ENGINES = ("postgresql", "timescaledb")
_TEMPLATE = "bench_template"
_SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "'1GB'",
    "max_wal_size": "'8GB'",
}
# A policy that refreshes by itself would work beside what is measured, and a scheduler that is
# connected keeps a database from being a template.
_TIMESCALEDB_SETTINGS = {"timescaledb.max_background_workers": "0"}


class Server:
    """A running server; databases belong to the owner role that the stack uses."""

    def __init__(self, cluster: Cluster, port: int) -> None:
        self._cluster = cluster
        self._port = port
        self._numbers = count(1)
        self._migrated = False

    def url(self, name: str) -> str:
        """Return the owner's URL of one database."""
        return self._cluster.url(self._port, database=name)

    def admin_url(self, name: str = "postgres") -> str:
        """Return the superuser's URL of one database."""
        return self._cluster.url(self._port, admin=True, database=name)

    def prepare(self) -> None:
        """Apply the migrations to the template of every migrated database; safe to repeat."""
        if not self._migrated:
            template = self._create(_TEMPLATE, "template0")
            Migrator(Database(template), load_migrations(load_settings().sql_dir)).up()
            with psycopg.connect(template) as connection:
                connection.execute(statement("accept_old_rows"))
            self._migrated = True

    def migrated_url(self) -> str:
        """Return the URL of a new migrated database, whose staging takes rows of any age."""
        self.prepare()
        return self._create(f"bench_{next(self._numbers)}", _TEMPLATE)

    def empty_url(self) -> str:
        """Return the URL of a new, empty database."""
        return self._create(f"bench_{next(self._numbers)}", "template0")

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected."""
        name = sql.Identifier(url.rsplit("/", 1)[1])
        self._do(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    def versions(self) -> dict[str, object]:
        """Return the versions of the server and of its extension."""
        with psycopg.connect(self.admin_url(), autocommit=True) as connection:
            version = connection.info.server_version
            found: dict[str, object] = {"postgresql": f"{version // 10000}.{version % 10000}"}
            row = connection.execute(statement("timescaledb_version")).fetchone()
        if row and self._cluster.has_timescaledb():
            found["timescaledb"] = row[0]
        return found

    def _create(self, name: str, template: str) -> str:
        self._do(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template)
            )
        )
        return self.url(name)

    def _do(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.admin_url(), autocommit=True) as connection:
            connection.execute(statement)


class Servers:
    """The engines of this machine; one server runs at a time, from its first use on."""

    def __init__(self, pg_bindir: Path | None) -> None:
        self._bindir = pg_bindir
        self._running: tuple[str, Server] | None = None
        self._stack = contextlib.ExitStack()

    def missing(self, engine: str) -> str | None:
        """Return why an engine cannot run here, or None."""
        if engine != "timescaledb":
            return None
        return timescaledb_missing(find_postgres(self._bindir).folder)

    def running(self, engine: str) -> Server:
        """Return the server of an engine; what needs none in particular gets the one that runs."""
        if self._running and engine in (self._running[0], "any"):
            return self._running[1]
        self.stop()
        engine = engine if engine in ENGINES else ENGINES[0]
        server = self._stack.enter_context(_served(engine, self._bindir))
        self._running = (engine, server)
        return server

    def stop(self) -> None:
        """Stop the server and delete its data; safe to repeat."""
        self._running = None
        self._stack.close()


@contextlib.contextmanager
def _served(engine: str, bindir: Path | None) -> Iterator[Server]:
    home = Path(tempfile.mkdtemp(prefix="promtsdb-bench-"))
    timescaledb = engine == "timescaledb"
    more = {**_SETTINGS, **(_TIMESCALEDB_SETTINGS if timescaledb else {})}
    cluster = Cluster(home / "cluster", home / "server.log", bindir, timescaledb, more)
    try:
        port = free_port()
        process = cluster.start(port)
        try:
            yield Server(cluster, port)
        finally:
            stop(process, STOP_SIGNALS)
    finally:
        # The folder may be a link to a place that the server's user can reach.
        shutil.rmtree(cluster.folder.resolve(), ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
