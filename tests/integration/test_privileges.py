"""Who may do what in a database made as Compose makes it; a new object is to be decided."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest

from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.settings import ROOT
from tests import privileges
from tests.fix_pglite import OneConnection
from tests.fix_postgres import SQL_DIR, Cluster
from tests.fix_telegraf import as_role
from tests.integration.test_service_roles import ALLOWED

WRITE = "decide, revoke or grant it in a migration, then run `python -m tests.privileges --write`"
EXTENSION = """
SELECT p.oid::regprocedure::text FROM pg_proc p
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE p.pronamespace = 'public'::regnamespace
"""
# Not allowed; or an extension that this server has not.
REFUSED = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedFile,
    psycopg.errors.FeatureNotSupported,
)
# What a visitor could try if PostgREST let him say SQL: nothing outside his functions is his.
ATTACKS = (
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY internal.excluded_addresses TO '/tmp/stolen'",
    "CREATE EXTENSION dblink SCHEMA api",
    "LOAD 'auto_explain'",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
    "SET session_replication_role = replica",
    "SET SESSION AUTHORIZATION promtsdb",
    "SET ROLE promtsdb",
    "SET ROLE dagster",
    "CREATE TABLE public.mine ()",
    "CREATE SCHEMA mine",
    "CREATE TABLE internal.mine ()",
    "SELECT query_to_xml('SELECT * FROM internal.backfill_ledger', true, true, '')",
    "SELECT schema_to_xml('cumsum', true, true, '')",
    "SELECT pg_create_restore_point('mine')",
    "TRUNCATE internal.aggregate_change",
    "DROP TRIGGER trg_flush_prometheus_remote_write ON staging_internal.prometheus_remote_write",
    "ALTER FUNCTION api.get_excluded_addresses() OWNER TO web_anon",
    "ALTER ROLE web_anon SUPERUSER",
    "ALTER ROLE promtsdb PASSWORD 'mine'",
    "GRANT promtsdb TO web_anon",
)
OF_TIMESCALEDB = (
    "SELECT public.add_job('internal.refresh_rollups', '1 second')",
    "SELECT public.drop_chunks('internal.prometheus_remote_write', now())",
    "SELECT public.compress_chunk('internal.prometheus_remote_write')",
    "SELECT public.show_chunks('internal.prometheus_remote_write')",
    "UPDATE _timescaledb_catalog.metadata SET value = 'mine'",
    "SELECT _timescaledb_functions.stop_background_workers()",
    "SELECT * FROM _timescaledb_internal.bgw_job_stat_history",
)


@pytest.fixture(scope="module", params=["postgresql", "timescaledb"])
def production(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Cluster, str]]:
    """Lend a cluster of each engine as the image makes it, and the owner's URL."""
    with privileges.deployed(request.param, tmp_path_factory.mktemp("image")) as found:
        yield found


@pytest.fixture
def admin(production: tuple[Cluster, str]) -> Iterator[psycopg.Connection]:
    """Lend the superuser's connection to the database; what a test changes is rolled back."""
    with psycopg.connect(production[0].url("metrics")) as connection:
        yield connection
        connection.rollback()


def decided() -> str:
    return privileges.PAGE.read_text(encoding="utf-8")


def lines(text: str, engine: str) -> set[tuple[str, str, str]]:
    """Return (section, rights, line) of the page, without what is on the other engine only."""
    (other,) = {title for name, title in privileges.ENGINES.items() if name != engine}
    found, section, rights = set(), "", ""
    for line in text.splitlines():
        if line.startswith("## "):
            section, rights = line, ""
        elif line.startswith("**"):
            rights = line
        elif line.startswith(("* ", "| ", "None")) and not line.endswith(f" ({other})"):
            found.add((section, rights, line.removesuffix(f" ({privileges.ENGINES[engine]})")))
    return found


def page(connection: psycopg.Connection, engine: str) -> str:
    return privileges.page(
        privileges.objects(connection, engine),
        privileges.roles(connection),
        privileges.definers(connection),
    )


def test_every_right_on_every_object_was_decided(
    production: tuple[Cluster, str], admin: psycopg.Connection
) -> None:
    engine = production[0].engine
    found, wanted = lines(page(admin, engine), engine), lines(decided(), engine)
    assert not found - wanted, WRITE
    assert not wanted - found, WRITE


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("CREATE TABLE geo.newer ()", "* `geo.newer`"),
        ("CREATE VIEW api.newer AS SELECT 1", "* `api.newer`"),
        ("CREATE SEQUENCE cumsum.newer", "* `cumsum.newer`"),
        ("CREATE FUNCTION api.newer() RETURNS int LANGUAGE sql RETURN 1", "* `api.newer()`"),
        ("CREATE TYPE internal.newer AS ENUM ()", "* `internal.newer`"),
        ("CREATE SCHEMA newer", "* `newer`"),
        ("SELECT lo_create(4711)", "* `large object 4711`"),
        ("GRANT SELECT (id) ON internal.excluded_addresses TO telegraf",
         "* `internal.excluded_addresses.id`"),
        ("GRANT SELECT ON geo.latest_coords TO web_anon", "* `geo.latest_coords`"),
        ("GRANT EXECUTE ON FUNCTION pg_read_file(text) TO writer",
         "* `function pg_read_file(text)`"),
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "* `public`"),
        ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC", "* `tables`"),
        ("GRANT SET ON PARAMETER log_statement TO web_anon", "* `parameter log_statement`"),
        ("GRANT staging_writer TO web_anon", "| `web_anon` |"),
        ("ALTER ROLE web_anon LOGIN", "| `web_anon` |"),
        ("CREATE ROLE newer", "| `newer` |"),
        ("ALTER FUNCTION internal.amount(text) SECURITY DEFINER", "| `internal.amount(text)` |"),
    ],
)  # fmt: skip
def test_whatever_is_new_is_seen(
    production: tuple[Cluster, str], admin: psycopg.Connection, change: str, told: str
) -> None:
    engine = production[0].engine
    admin.execute(change.encode())
    new = lines(page(admin, engine), engine) - lines(decided(), engine)
    assert [line for *_, line in new if line.startswith(told)], new


def test_everything_belongs_to_an_owner_who_is_no_superuser(
    production: tuple[Cluster, str], admin: psycopg.Connection
) -> None:
    owners = {owner for *_, owner, _ in privileges.objects(admin, production[0].engine)}
    # Who owns the database is the only member of pg_database_owner, which owns `public`.
    assert owners == {privileges.OWNER, "pg_database_owner"}


def test_functions_with_the_owners_rights_are_pinned_and_have_a_reason(
    admin: psycopg.Connection,
) -> None:
    found = privileges.definers(admin)
    assert found
    for name, owner, pinned in found:
        assert owner == privileges.OWNER, name
        assert pinned == "search_path=pg_catalog, pg_temp", name
        assert privileges.reason(name), f"{name}: say in tests/privileges.py why"


def test_new_functions_are_nobodys(production: tuple[Cluster, str]) -> None:
    """As a later migration makes them, in whatever schema."""
    with psycopg.connect(production[1]) as owner:
        for schema in ("api", "internal", "geo", "public"):
            owner.execute(
                f"CREATE FUNCTION {schema}.newer() RETURNS int LANGUAGE sql RETURN 1".encode()
            )
            for role in ("public", "web_anon", "writer", "telegraf", "staging_writer"):
                may = "SELECT has_function_privilege(%s, %s, 'EXECUTE')"
                assert owner.execute(may, [role, f"{schema}.newer()"]).fetchone() == (False,)
        owner.rollback()


def test_chunks_let_nobody_in_whom_their_table_keeps_out(
    production: tuple[Cluster, str],
) -> None:
    """Chunks and compressed chunks are made while data come, and not by migrations."""
    cluster, url = production
    if cluster.engine != "timescaledb":
        pytest.skip("plain PostgreSQL has no chunks")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO internal.prometheus_remote_write"
            " VALUES (now() - interval '30 days', 1, 'n', 'common', 1)"
        )
        owner.execute(
            "SELECT public.compress_chunk(c)"
            " FROM public.show_chunks('internal.prometheus_remote_write') AS c"
        )
    with psycopg.connect(cluster.url("metrics")) as admin:
        chunks = {
            (name, rights)
            for *_, kind, name, _, rights in privileges.objects(admin, cluster.engine)
            if kind == "relation" and "_timescaledb_internal" in name
        }
    assert any("hyper" in name for name, _ in chunks)
    assert {rights for _, rights in chunks} == {""}


@pytest.mark.parametrize("role", ["web_anon", "writer", "telegraf", "postgrest"])
def test_attacks_in_sql_are_refused(production: tuple[Cluster, str], role: str) -> None:
    """Beyond what PostgREST lets through: as if somebody had found a hole in it."""
    cluster, url = production
    login = "telegraf" if role == "telegraf" else "postgrest"
    statements = [*ATTACKS, *(OF_TIMESCALEDB if cluster.engine == "timescaledb" else ())]
    with psycopg.connect(as_role(url, login, "x"), autocommit=True) as connection:
        if role != login:
            connection.execute(f"SET ROLE {role}".encode())
        # It may come back to its login, which inherits nothing, and go no further.
        for statement in statements:
            with pytest.raises(REFUSED):
                connection.execute(statement.encode())


def test_the_functions_of_the_extension_are_out_of_reach(
    production: tuple[Cluster, str], admin: psycopg.Connection
) -> None:
    """`add_job` would let any login have the server's workers do something."""
    if production[0].engine == "timescaledb":
        assert admin.execute(EXTENSION).fetchall()
    for role in ("web_anon", "writer", "telegraf", "postgrest", "staging_writer", "dagster"):
        may = admin.execute("SELECT has_schema_privilege(%s, 'public', 'USAGE')", [role])
        assert may.fetchone() == (False,), role


def test_telegraf_works_without_the_schema_public(production: tuple[Cluster, str]) -> None:
    with psycopg.connect(as_role(production[1], "telegraf", "t")) as connection:
        for statement in ALLOWED:
            connection.execute(statement.encode())


def test_what_the_page_about_security_tells_to_run_works(admin: psycopg.Connection) -> None:
    text = (ROOT / "docs" / "explanation" / "security.md").read_text(encoding="utf-8")
    statements = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    assert len(statements) == 2
    for statement in statements:
        admin.execute(statement.encode())


def test_webassembly_agrees(pglite: OneConnection) -> None:
    """Another release of PostgreSQL and of TimescaleDB: the same objects, the same rights."""
    Migrator(pglite, load_migrations(SQL_DIR)).up()
    with pglite.connection() as connection:
        found = lines(page(connection, "timescaledb"), "timescaledb")
    sections = {"## Tables and views", "## Sequences", "## Functions", "## Types", "## Schemas"}

    def names(of: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        # Roles of services are the deployment's, which this engine has not; so is `public`.
        return {
            (section, _without_logins(rights), line)
            for section, rights, line in of
            if section in sections and line != "* `public`" and "_timescaledb" not in line
        }

    assert names(found) == names(lines(decided(), "timescaledb"))


def _without_logins(rights: str) -> str:
    each = [text for text in rights.strip("*").split("; ") if not text.startswith("telegraf:")]
    return "; ".join(each)
