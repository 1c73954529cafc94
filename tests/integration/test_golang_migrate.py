"""golang-migrate itself applies our files, and either tool goes on where the other stopped."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.errors import DirtyLedger
from promtsdb_dagster.localstack.binaries import find_program
from tests.catalog import describe
from tests.fix_postgres import SQL_DIR, Cluster, ScratchDatabase

FILES = load_migrations(SQL_DIR)
NEWEST = len(FILES)
# Every statement that makes, changes or grants something, in order.
LOG = """
CREATE TABLE public.done (id int GENERATED ALWAYS AS IDENTITY, what text);
CREATE FUNCTION public.log_done() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.done (what)
    SELECT command_tag || ' ' || coalesce(object_identity, '')
    FROM pg_catalog.pg_event_trigger_ddl_commands();
END $$;
CREATE EVENT TRIGGER log_done ON ddl_command_end EXECUTE FUNCTION public.log_done();
"""


@pytest.fixture(scope="module")
def program() -> Path:
    """The command of golang-migrate."""
    found = find_program("migrate")
    if found is None:
        pytest.skip("golang-migrate not found; `make tools` builds it, or put it on the PATH")
    return found


class Golang:
    """Run golang-migrate's command against one database and one folder."""

    def __init__(self, program: Path, database: ScratchDatabase, folder: Path) -> None:
        self._command = [
            *(str(program), "-path", str(folder)),
            *("-database", f"{database.url}?sslmode=disable"),
        ]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self._command, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        told, _ = process.communicate(timeout=120)
        return process.returncode, told

    def must(self, *arguments: str) -> None:
        code, told = self.run(*arguments)
        assert code == 0, told


def ask(database: ScratchDatabase, text: str, *values: object) -> list[tuple[object, ...]]:
    with database.connection(autocommit=True) as connection:
        cursor = connection.execute(text, values or None)
        return cursor.fetchall() if cursor.description else []


def ledger(database: ScratchDatabase) -> list[tuple[object, ...]]:
    return ask(database, "SELECT version, dirty FROM public.schema_migrations")


def ours(database: ScratchDatabase) -> list[str]:
    return [line for line in describe(database) if not line.startswith("public")]


def overlay(folder: Path) -> Path:
    """Return a folder of all files, as PostgreSQL without TimescaleDB needs them."""
    shutil.copytree(SQL_DIR / "migrations", folder)
    shutil.copytree(SQL_DIR / "portable", folder, dirs_exist_ok=True)
    return folder


@pytest.fixture
def golang(program: Path, empty_database: ScratchDatabase, tmp_path: Path) -> Golang:
    """golang-migrate with the files of the engine in turn."""
    plain = Migrator(empty_database, FILES).status().engine == "postgresql"
    folder = overlay(tmp_path / "overlay") if plain else SQL_DIR / "migrations"
    return Golang(program, empty_database, folder)


@pytest.fixture
def plain_empty(plain_cluster: Cluster) -> Iterator[ScratchDatabase]:
    """Lend an empty database without TimescaleDB."""
    url = plain_cluster.empty_url()
    with ScratchDatabase(url) as database:
        yield database
    plain_cluster.drop(url)


@contextmanager
def another(cluster_url: str) -> Iterator[ScratchDatabase]:
    """Lend one more empty database of the same server."""
    name = cluster_url.rsplit("/", 1)[1] + "_two"
    with psycopg.connect(cluster_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        with ScratchDatabase(f"{cluster_url}_two") as database:
            yield database
    finally:
        with psycopg.connect(cluster_url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_up_down_up(golang: Golang, empty_database: ScratchDatabase) -> None:
    golang.must("up")
    assert ledger(empty_database) == [(NEWEST, False)]
    first = ours(empty_database)
    golang.must("down", "-all")
    assert ledger(empty_database) == []
    assert ours(empty_database) == []
    golang.must("up")
    assert ours(empty_database) == first

    with another(empty_database.url) as mine:
        Migrator(mine, FILES).up()
        assert ours(mine) == first


@pytest.mark.parametrize("first", [0, 1], ids=["golang-migrate first", "Dagster first"])
def test_they_take_turns_at_every_version(
    golang: Golang, empty_database: ScratchDatabase, first: int
) -> None:
    """Both ways through all versions in turns; what is logged is what one of them alone does."""
    migrator = Migrator(empty_database, FILES)

    def step(version: int, way: Callable[[int], object]) -> None:
        if version % 2 == first:
            way(version)
        else:
            golang.must("goto", str(version)) if version else golang.must("down", "-all")
        assert ledger(empty_database) == ([(version, False)] if version else [])

    ask(empty_database, LOG)
    for version in range(1, NEWEST + 1):
        step(version, lambda to: migrator.up(to=to))
    assert migrator.up() == []
    code, told = golang.run("up")
    assert (code, told.strip()) == (0, "no change")
    with another(empty_database.url) as alone:
        ask(alone, LOG)
        Migrator(alone, FILES).up()
        assert done(empty_database) == done(alone)
        assert ours(empty_database) == ours(alone)

    for version in range(NEWEST - 1, -1, -1):
        step(version, migrator.down)
    assert ours(empty_database) == []


def done(database: ScratchDatabase) -> list[tuple[object, ...]]:
    rows = ask(database, "SELECT what FROM public.done ORDER BY id")
    # Each tool makes its own ledger.
    return [row for row in rows if "public.schema_migration" not in str(row[0])]


# Both at once. The second file waits for a lock that the test holds.

WAITING = {
    "001_first": ("CREATE TABLE public.first ()", "DROP TABLE public.first"),
    "002_second": (
        "LOCK TABLE public.held IN ACCESS SHARE MODE; CREATE TABLE public.second ()",
        "DROP TABLE public.second",
    ),
    "003_third": ("CREATE TABLE public.third ()", "DROP TABLE public.third"),
}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder of three files."""
    for folder in ("migrations", "portable"):
        (tmp_path / folder).mkdir()
    for name, (up, down) in WAITING.items():
        (tmp_path / "migrations" / f"{name}.up.sql").write_text(up)
        (tmp_path / "migrations" / f"{name}.down.sql").write_text(down)
    return tmp_path


@contextmanager
def held(database: ScratchDatabase) -> Iterator[psycopg.Connection]:
    ask(database, "CREATE TABLE public.held ()")
    with psycopg.connect(database.url) as holding:
        holding.execute("LOCK TABLE public.held IN ACCESS EXCLUSIVE MODE")
        yield holding


def await_waiting(database: ScratchDatabase, kind: str, busy: Callable[[], bool]) -> None:
    """Return when somebody waits for a lock of that kind in this database."""
    query = (
        "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted"
        " AND a.datname = current_database() AND l.locktype = %s"
    )
    deadline = time.monotonic() + 60
    while not ask(database, query, kind):
        assert busy()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_dagster_waits_for_golang_migrate(
    program: Path, plain_empty: ScratchDatabase, small: Path
) -> None:
    files = load_migrations(small)
    with ThreadPoolExecutor(1) as pool, held(plain_empty) as holding:
        process = Golang(program, plain_empty, small / "migrations").start("up")
        await_waiting(plain_empty, "relation", lambda: process.poll() is None)
        ours = pool.submit(Migrator(plain_empty, files).up)
        await_waiting(plain_empty, "advisory", lambda: not ours.done())
        holding.commit()
        told, _ = process.communicate(timeout=60)
        assert process.returncode == 0, told
        assert ours.result(timeout=60) == []
    assert ledger(plain_empty) == [(3, False)]


def test_golang_migrate_waits_for_dagster(
    program: Path, plain_empty: ScratchDatabase, small: Path
) -> None:
    files = load_migrations(small)
    with ThreadPoolExecutor(1) as pool, held(plain_empty) as holding:
        ours = pool.submit(Migrator(plain_empty, files).up)
        await_waiting(plain_empty, "relation", lambda: not ours.done())
        process = Golang(program, plain_empty, small / "migrations").start("up")
        await_waiting(plain_empty, "advisory", lambda: process.poll() is None)
        holding.commit()
        assert len(ours.result(timeout=60)) == 3
        told, _ = process.communicate(timeout=60)
    assert (process.returncode, told.strip()) == (0, "no change")
    assert ledger(plain_empty) == [(3, False)]


@pytest.mark.parametrize("survives", [True, False], ids=["file applied", "file not applied"])
def test_a_killed_golang_migrate_is_explained_and_healed_as_told(
    program: Path, plain_empty: ScratchDatabase, small: Path, survives: bool
) -> None:
    """
    1. golang-migrate is killed inside the second file.
    2. The server ends that file's transaction, well or not.
    3. Dagster refuses to guess and says what to look for; a person says which it was.
    """
    files = load_migrations(small)
    golang = Golang(program, plain_empty, small / "migrations")
    with held(plain_empty) as holding:
        process = golang.start("up")
        await_waiting(plain_empty, "relation", lambda: process.poll() is None)
        process.kill()
        process.communicate()
        if not survives:
            ask(
                plain_empty,
                "SELECT pg_terminate_backend(a.pid, 10000) FROM pg_stat_activity a"
                " JOIN pg_locks l USING (pid) WHERE NOT l.granted AND l.locktype = 'relation'",
            )
        holding.commit()
    with pytest.raises(DirtyLedger) as raised:
        Migrator(plain_empty, files).up()
    assert "version 2 stopped half-way; look what 002_*.up.sql left" in str(raised.value)
    assert "all of it or nothing" in str(raised.value)
    assert "`migrate force" in str(raised.value)

    there = ask(plain_empty, "SELECT to_regclass('public.second') IS NOT NULL") == [(True,)]
    assert there == survives
    golang.must("force", "2" if there else "1")
    assert [each.version for each in Migrator(plain_empty, files).up()] == (
        [3] if there else [2, 3]
    )


def test_without_timescaledb_the_first_file_fails_and_dagster_goes_on(
    program: Path, plain_empty: ScratchDatabase
) -> None:
    code, told = Golang(program, plain_empty, SQL_DIR / "migrations").run("up")
    # The words are the server's: that it has no such extension, or (here, where it has the files
    # and did not load them) only a connection that it ends.
    assert code == 1, told
    assert ledger(plain_empty) == [(1, True)]

    assert len(Migrator(plain_empty, FILES).up()) == NEWEST
    assert ledger(plain_empty) == [(NEWEST, False)]
