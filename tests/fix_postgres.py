"""Fixtures: real servers with and without TimescaleDB, a fresh migrated database for each test."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.errors import StackError
from promtsdb_dagster.localstack.accounts import server_user
from promtsdb_dagster.localstack.binaries import find_postgres, timescaledb_missing
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.localstack.processes import as_user
from promtsdb_dagster.settings import load_settings

SQL_DIR = Path(__file__).resolve().parents[1] / "sql"
_START_SECONDS = 60
_TEMPLATE = "migrated_template"
_numbers = count(1)


class ScratchDatabase(Database):
    """A database of one test; `url` is for other processes."""

    @property
    def url(self) -> str:
        """Return the libpq URL of the owner."""
        return self._url


@dataclass
class Cluster:
    """A running server that trusts everybody on one loopback port."""

    engine: str
    port: int
    log: Path
    migrated: bool = False
    made: list[str] = field(default_factory=list)

    def url(self, name: str) -> str:
        """Return the superuser's URL of one database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def admin(self) -> psycopg.Connection:
        """Return an autocommit connection that is in nobody's way."""
        return psycopg.connect(self.url("postgres"), autocommit=True)

    def migrated_url(self) -> str:
        """Return the URL of a new database with every migration applied."""
        if not self.migrated:
            template = self.url(self.create(_TEMPLATE))
            Migrator(Database(template), load_migrations(SQL_DIR)).up()
            self.migrated = True
        return self.url(self.create(f"test_{next(_numbers)}", template=_TEMPLATE))

    def empty_url(self) -> str:
        """Return the URL of a new, empty database."""
        return self.url(self.create(f"test_{next(_numbers)}"))

    def create(self, name: str, template: str = "template0") -> str:
        """Create a database and return its name."""
        with self.admin() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return name

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected."""
        name = url.rsplit("/", 1)[1]
        with self.admin() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )


@contextmanager
def running_cluster(engine: str, settings: dict[str, str] | None = None) -> Iterator[Cluster]:
    """Run a server of its own in a temporary folder."""
    try:
        bindir = find_postgres(load_settings().pg_bindir).folder
    except StackError as error:
        pytest.fail(f"{error}; `make test` installs one as root", pytrace=False)
    if engine == "timescaledb" and (why := timescaledb_missing(bindir)):
        pytest.skip(why)
    home = Path(tempfile.mkdtemp(prefix="promtsdb-test-"))
    # The server refuses to run as root.
    user = server_user(home)
    if user:
        shutil.chown(home, user)
    data, log = home / "data", home / "server.log"
    try:
        subprocess.run(
            [
                *(str(bindir / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust"),
                *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"),
            ],
            check=True, capture_output=True, cwd=home, **as_user(user),
        )  # fmt: skip
        port = free_port()
        options = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "shared_buffers": "64MB",
            "max_connections": "60",
            **_engine_settings(engine),
            **(settings or {}),
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        with log.open("w") as sink:
            server = subprocess.Popen(
                [str(bindir / "postgres"), "-D", str(data), *arguments],
                stdout=sink, stderr=sink, cwd=home, **as_user(user),
            )  # fmt: skip
        try:
            cluster = Cluster(engine, port, log)
            _await_ready(cluster, server)
            yield cluster
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=_START_SECONDS)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _engine_settings(engine: str) -> dict[str, str]:
    if engine != "timescaledb":
        return {}
    # No background job: a policy that refreshes on its own would race with the tests, and a
    # scheduler that is connected keeps a database from being a template.
    return {
        "shared_preload_libraries": "timescaledb",
        "timescaledb.max_background_workers": "0",
        "timescaledb.telemetry_level": "off",
    }


def _await_ready(cluster: Cluster, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            cluster.admin().close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(
                    f"the {cluster.engine} server did not start:\n{cluster.log.read_text()}"
                )
            # Not a guess at how long it takes: the loop ends when the server answers.
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def plain_cluster() -> Iterator[Cluster]:
    """Run one server without TimescaleDB."""
    with running_cluster("postgresql") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def timescaledb_cluster() -> Iterator[Cluster]:
    """Run one server with TimescaleDB, or skip where it is not installed."""
    with running_cluster("timescaledb") as cluster:
        yield cluster


def _lend(cluster: Cluster, make: Callable[[], str]) -> Iterator[ScratchDatabase]:
    url = make()
    with ScratchDatabase(url) as database:
        yield database
    cluster.drop(url)


@pytest.fixture(params=["postgresql", "timescaledb"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """Lend the server of each engine in turn."""
    name = "plain_cluster" if request.param == "postgresql" else "timescaledb_cluster"
    found: Cluster = request.getfixturevalue(name)
    return found


@pytest.fixture
def database(cluster: Cluster) -> Iterator[ScratchDatabase]:
    """Lend a migrated database of each engine in turn."""
    yield from _lend(cluster, cluster.migrated_url)


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[ScratchDatabase]:
    """Lend an empty database of each engine in turn."""
    yield from _lend(cluster, cluster.empty_url)


@pytest.fixture
def plain_database(plain_cluster: Cluster) -> Iterator[ScratchDatabase]:
    """Lend a migrated database without TimescaleDB."""
    yield from _lend(plain_cluster, plain_cluster.migrated_url)


@pytest.fixture
def timescaledb_database(timescaledb_cluster: Cluster) -> Iterator[ScratchDatabase]:
    """Lend a migrated database with TimescaleDB."""
    yield from _lend(timescaledb_cluster, timescaledb_cluster.migrated_url)


def pytest_report_header() -> list[str]:
    """Say which engines the tests run on, and why one does not."""
    try:
        bindir = find_postgres(load_settings().pg_bindir).folder
    except StackError as error:
        return [f"engines: {error}"]
    told = subprocess.run([str(bindir / "postgres"), "--version"], capture_output=True, text=True)
    why = timescaledb_missing(bindir)
    return [
        f"engine postgresql: {told.stdout.strip()}, {bindir}",
        f"engine timescaledb: {'skipped, ' + why if why else 'native, the same server'}",
    ]
