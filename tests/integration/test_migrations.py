"""Migrations go up and down, once, whoever applies them, and say what is wrong."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from zlib import crc32

import psycopg
import pytest

from promtsdb_dagster.adapters.migrations import Migration, Migrator, load_migrations
from promtsdb_dagster.errors import (
    ChangedMigration,
    DirtyLedger,
    MigrationError,
    StoreUnavailable,
    UnknownVersion,
)
from tests.catalog import describe
from tests.fix_postgres import SQL_DIR, Cluster, ScratchDatabase

FILES = load_migrations(SQL_DIR)
NEWEST = len(FILES)
GOLANG_MIGRATE = (
    "CREATE TABLE public.schema_migrations (version bigint not null primary key, "
    "dirty boolean not null)"
)


def run(database: ScratchDatabase, text: str, *parameters: object) -> list[tuple[object, ...]]:
    with database.connection(autocommit=True) as connection:
        cursor = connection.execute(text, parameters or None)
        return cursor.fetchall() if cursor.description else []


def ledger(database: ScratchDatabase) -> list[tuple[object, ...]]:
    return run(database, "SELECT version, dirty FROM public.schema_migrations")


def await_lock(seen_from: psycopg.Connection, waiting: Future[object], kind: str) -> None:
    """Return when somebody waits for a lock of that kind; fail when the call ends instead."""
    query = "SELECT FROM pg_locks WHERE locktype = %s AND NOT granted"
    while not seen_from.execute(query, [kind]).fetchall():
        assert not waiting.done(), waiting.result()


def as_golang_migrate(database: ScratchDatabase, upto: int) -> None:
    """Apply files as golang-migrate does: whole, without checksums, its version in the ledger."""
    run(database, GOLANG_MIGRATE)
    for migration in FILES[:upto]:
        run(database, migration.up_text(Migrator(database, FILES).status().engine))
    run(database, "INSERT INTO public.schema_migrations VALUES (%s, false)", upto)


def test_up_down_up_leaves_the_same_schema(
    empty_database: ScratchDatabase, cluster: Cluster
) -> None:
    migrator = Migrator(empty_database, FILES)
    assert migrator.status().version == 0
    assert [m.version for m in migrator.up()] == list(range(1, NEWEST + 1))
    assert ledger(empty_database) == [(NEWEST, False)]
    assert migrator.status().engine == empty_database.engine() == cluster.engine
    first = describe(empty_database)

    assert [m.version for m in migrator.down(0)] == list(range(NEWEST, 0, -1))
    assert ledger(empty_database) == []
    assert ours(describe(empty_database)) == []

    assert len(migrator.up()) == NEWEST
    assert describe(empty_database) == first


def test_every_single_step_can_be_taken_back_and_again(empty_database: ScratchDatabase) -> None:
    migrator = Migrator(empty_database, FILES)
    before: list[str] = []
    for version in range(1, NEWEST + 1):
        migrator.up(to=version)
        after = describe(empty_database)
        migrator.down(version - 1)
        assert ours(describe(empty_database)) == ours(before), version
        assert [m.version for m in migrator.up(to=version)] == [version]
        before = after
    assert describe(empty_database) == before


def ours(lines: list[str]) -> list[str]:
    """Return what is not the ledger's."""
    return [line for line in lines if not line.startswith("public")]


def test_a_second_run_finds_nothing_to_do(empty_database: ScratchDatabase) -> None:
    migrator = Migrator(empty_database, FILES)
    migrator.up(to=7)
    assert [m.version for m in migrator.status().pending] == list(range(8, NEWEST + 1))
    assert migrator.up(to=3) == []
    assert len(migrator.up()) == NEWEST - 7
    assert migrator.up() == []
    assert migrator.down(NEWEST) == []


def test_concurrent_migrators_share_the_work(empty_database: ScratchDatabase) -> None:
    def migrate(_: int) -> int:
        with ScratchDatabase(empty_database.url) as mine:
            return len(Migrator(mine, FILES).up())

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(migrate, range(4))) == [0, 0, 0, NEWEST]


def test_another_database_may_create_the_same_roles_at_once(cluster: Cluster) -> None:
    """1. Another session has created a role, and not committed. 2. We wait. 3. It commits."""
    text = FILES[2].up_text("postgresql")
    for role in ("web_anon", "writer", "authenticator"):
        text = text.replace(role, f"{role}_of_two")
    roles = replace(FILES[2], up=text)
    url = cluster.empty_url()
    try:
        with psycopg.connect(cluster.url("postgres")) as other, ScratchDatabase(url) as mine:
            other.execute("CREATE ROLE web_anon_of_two NOLOGIN")
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(Migrator(mine, [*FILES[:2], roles]).up)
                await_lock(other, waiting, "transactionid")
                other.commit()
                assert len(waiting.result(timeout=60)) == 3
            members = other.execute(
                "SELECT roleid::regrole::text FROM pg_auth_members"
                " WHERE member = 'authenticator_of_two'::regrole ORDER BY 1"
            ).fetchall()
            assert members == [("web_anon_of_two",), ("writer_of_two",)]
    finally:
        cluster.drop(url)
        with cluster.admin() as admin:
            admin.execute("DROP ROLE web_anon_of_two, writer_of_two, authenticator_of_two")


def test_golang_migrate_may_have_come_first(empty_database: ScratchDatabase) -> None:
    as_golang_migrate(empty_database, upto=10)
    migrator = Migrator(empty_database, FILES)
    assert migrator.status().version == 10

    assert [m.version for m in migrator.up()] == list(range(11, NEWEST + 1))

    rows = run(empty_database, "SELECT count(*) FROM public.schema_migration_checksums")
    assert rows == [(NEWEST,)]
    assert ledger(empty_database) == [(NEWEST, False)]


def test_golang_migrate_may_go_down_after_us(empty_database: ScratchDatabase) -> None:
    migrator = Migrator(empty_database, FILES)
    migrator.up()
    engine = empty_database.engine()
    for migration in reversed(FILES[NEWEST - 2 :]):
        run(empty_database, migration.down_text(engine))
    run(empty_database, "TRUNCATE public.schema_migrations")
    run(empty_database, "INSERT INTO public.schema_migrations VALUES (%s, false)", NEWEST - 2)

    text = FILES[-1].up_text(engine) + "\n-- edited"
    edited = [*FILES[:-1], replace(FILES[-1], up=text, portable_up=None)]
    assert [m.version for m in Migrator(empty_database, edited).up()] == [NEWEST - 1, NEWEST]


def test_a_changed_file_is_named(empty_database: ScratchDatabase) -> None:
    Migrator(empty_database, FILES).up()
    edited = list(FILES)
    edited[3] = replace(FILES[3], up=FILES[3].up + " ")
    before = describe(empty_database)

    for change in (Migrator(empty_database, edited).up, lambda: down(empty_database, edited)):
        with pytest.raises(ChangedMigration) as raised:
            change()
        assert "sql/migrations/004_tag_table.up.sql was changed after" in str(raised.value)
        assert "make the change in a new migration" in str(raised.value)
    assert describe(empty_database) == before


def down(database: ScratchDatabase, files: list[Migration]) -> list[Migration]:
    return Migrator(database, files).down(0)


def test_a_dirty_ledger_is_not_touched(empty_database: ScratchDatabase) -> None:
    as_golang_migrate(empty_database, upto=4)
    run(empty_database, "UPDATE public.schema_migrations SET dirty = true")
    migrator = Migrator(empty_database, FILES)
    assert migrator.status().dirty

    with pytest.raises(DirtyLedger, match=r"version 4 stopped half-way; look what 004_\*.up.sql"):
        migrator.up()
    assert ledger(empty_database) == [(4, True)]


def test_a_newer_database_is_not_touched(empty_database: ScratchDatabase) -> None:
    Migrator(empty_database, FILES).up()

    with pytest.raises(UnknownVersion, match=f"is at version {NEWEST}, the newest file is 010"):
        Migrator(empty_database, FILES[:10]).up()
    assert ledger(empty_database) == [(NEWEST, False)]


def test_a_failing_file_leaves_nothing(empty_database: ScratchDatabase) -> None:
    broken = [*FILES[:4], replace(FILES[4], up="CREATE TABLE internal.half (); SELECT 1/0")]
    broken[4] = replace(broken[4], portable_up=broken[4].up)
    migrator = Migrator(empty_database, broken)

    with pytest.raises(MigrationError) as raised:
        migrator.up()

    assert "005_metric_tables.up.sql failed: division by zero" in str(raised.value)
    assert "nothing of it was applied" in str(raised.value)
    assert ledger(empty_database) == [(4, False)]
    assert run(empty_database, "SELECT to_regclass('internal.half')") == [(None,)]
    assert len(Migrator(empty_database, FILES).up()) == NEWEST - 4


@pytest.mark.parametrize("version", [-1, NEWEST + 1])
def test_an_unknown_version_is_refused(plain_database: ScratchDatabase, version: int) -> None:
    with pytest.raises(MigrationError, match=f"there is no migration {version}, wanted 0"):
        Migrator(plain_database, FILES).up(to=version)


def test_the_extension_may_not_come_afterwards(
    timescaledb_cluster: Cluster, plain_cluster: Cluster
) -> None:
    """A database that was migrated as plain stays plain, or says so."""
    url = timescaledb_cluster.empty_url()
    try:
        with ScratchDatabase(url) as database:
            Migrator(database, FILES).up(to=3)
            run(database, "UPDATE public.schema_migration_checksums SET engine = 'postgresql'")
            with pytest.raises(
                MigrationError, match="was applied for postgresql, but the database"
            ):
                Migrator(database, FILES).up()
    finally:
        timescaledb_cluster.drop(url)


def test_an_owner_who_is_no_superuser_can_migrate(cluster: Cluster) -> None:
    url = cluster.empty_url()
    name = url.rsplit("/", 1)[1]
    with cluster.admin() as admin:
        admin.execute(f"CREATE ROLE owner_{name} LOGIN CREATEROLE")
        admin.execute(f"ALTER DATABASE {name} OWNER TO owner_{name}")
    try:
        with ScratchDatabase(url.replace("//postgres@", f"//owner_{name}@")) as database:
            assert len(Migrator(database, FILES).up()) == NEWEST
            assert database.engine() == cluster.engine
    finally:
        cluster.drop(url)


def test_missing_roles_that_may_not_be_created_are_explained(plain_cluster: Cluster) -> None:
    text = FILES[2].up_text("postgresql").replace("web_anon", "web_anon_of_nobody")
    migrations = [*FILES[:2], replace(FILES[2], up=text)]
    url = plain_cluster.empty_url()
    name = url.rsplit("/", 1)[1]
    with plain_cluster.admin() as admin:
        admin.execute(f"CREATE ROLE poor_{name} LOGIN")
        admin.execute(f"ALTER DATABASE {name} OWNER TO poor_{name}")
    try:
        with ScratchDatabase(url.replace("//postgres@", f"//poor_{name}@")) as database:
            with pytest.raises(MigrationError) as raised:
                Migrator(database, migrations).up()
            assert "the role web_anon_of_nobody is missing" in str(raised.value)
            assert f"ALTER ROLE poor_{name} CREATEROLE" in str(raised.value)
            assert Migrator(database, FILES).status().version == 2
    finally:
        plain_cluster.drop(url)


def test_an_unreachable_server_is_said() -> None:
    database = ScratchDatabase("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailable, match="127.0.0.1:1/none cannot be used"):
        Migrator(database, FILES).up()


@pytest.mark.parametrize("slash", ["/", ""], ids=["its command", "its library"])
def test_our_lock_is_golang_migrates(empty_database: ScratchDatabase, slash: str) -> None:
    """Its key is made of the schema, the table and the database's name."""
    name = empty_database.url.rsplit("/", 1)[1]
    key = crc32(f"public\0schema_migrations\0{slash}{name}".encode()) * 1486364155 % 2**32
    with psycopg.connect(empty_database.url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [key])
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(Migrator(empty_database, FILES[:2]).up)
            await_lock(other, waiting, "advisory")
            other.execute("SELECT pg_advisory_unlock(%s)", [key])
            assert len(waiting.result(timeout=60)) == 2
