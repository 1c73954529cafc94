"""What a caller of the API may do, through the role that PostgREST logs in as."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg import Connection, sql

from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from tests.fix_postgres import SQL_DIR, Cluster, ScratchDatabase
from tests.fix_telegraf import as_role, make_service_roles
from tests.sql.test_api_rights import RANGE, READERS, WRITERS
from tests.sql.world import days_ago

LIMITS = {
    "web_anon": {
        "statement_timeout": "10s",
        "lock_timeout": "3s",
        "idle_in_transaction_session_timeout": "10s",
    },
    "writer": {
        "statement_timeout": "5s",
        "lock_timeout": "3s",
        "idle_in_transaction_session_timeout": "10s",
    },
}
# What PostgREST asks at its start for the settings of the roles that it may become.
SETTINGS = """
SELECT r.rolname, split_part(setting, '=', 1), split_part(setting, '=', 2)
FROM pg_auth_members m
JOIN pg_roles r ON r.oid = m.roleid
CROSS JOIN LATERAL unnest(r.rolconfig) AS setting
WHERE m.member = current_user::regrole
"""
FORBIDDEN = (
    "SELECT api.add_excluded_address('a')",
    "SELECT api.rm_excluded_address('a')",
    "INSERT INTO internal.excluded_addresses (value) VALUES ('a')",
    "DELETE FROM internal.excluded_addresses",
    "SELECT FROM internal.prometheus_remote_write",
    "SELECT FROM internal.backfill_ledger",
    "SELECT FROM cumsum.all_metrics_minute",
    "SELECT FROM geo.latest_coords",
    "INSERT INTO staging_internal.prometheus_remote_write DEFAULT VALUES",
    "SELECT internal.check_address('a')",
    "CREATE TABLE api.mine ()",
    "CREATE TABLE internal.mine ()",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "ALTER ROLE authenticator SET statement_timeout = 0",
    "SET SESSION AUTHORIZATION postgres",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT FROM pg_authid",
)
API = """
SELECT proname, prosrc, proacl::text, obj_description(oid, 'pg_proc') FROM pg_proc
WHERE pronamespace = 'api'::regnamespace
"""


@pytest.fixture
def caller(database: ScratchDatabase) -> Iterator[Connection]:
    """Log in as PostgREST does; what a test changes is rolled back."""
    make_service_roles(database.url)
    with closing(psycopg.connect(as_role(database.url, "postgrest", "p"))) as connection:
        yield connection


def become(caller: Connection, role: str) -> None:
    """Begin a request as PostgREST does: first the role's own settings, then the role."""
    caller.rollback()
    for name, setting, value in caller.execute(SETTINGS).fetchall():
        if name == role:
            caller.execute("SELECT set_config(%s, %s, true)", [setting, value])
    caller.execute("SELECT set_config('role', %s, true)", [role])


def refused(caller: Connection, role: str, statement: str) -> None:
    become(caller, role)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        caller.execute(statement.encode())


def call(caller: Connection, function: str) -> None:
    takes = {**READERS, **WRITERS}[function][0]
    given: dict[str, tuple[object, ...]] = {
        "": (),
        "p_schema text": ("mainnet",),
        "p_value text": ("a",),
        f"p_schema text, {RANGE}": ("mainnet", "1 day", days_ago(2), days_ago(1)),
    }
    schema = "cumsum" if "cumsum" in function else "common"
    values = given.get(takes, ("node_count", schema, "1 day", days_ago(2), days_ago(1)))
    places = sql.SQL(", ").join([sql.Placeholder()] * len(values))
    caller.execute(
        sql.SQL("SELECT * FROM {}({})").format(sql.Identifier("api", function), places), values
    ).fetchall()


def test_anybody_reads_everything(caller: Connection) -> None:
    for function in READERS:
        become(caller, "web_anon")
        call(caller, function)


def test_nobody_else_may_do_more_than_read(caller: Connection) -> None:
    for statement in FORBIDDEN:
        refused(caller, "web_anon", statement)


def test_a_writer_changes_the_list_and_nothing_else(caller: Connection) -> None:
    become(caller, "writer")
    for function in ("add_excluded_address", "rm_excluded_address", "add_excluded_address"):
        call(caller, function)
    assert caller.execute("SELECT value FROM internal.excluded_addresses").fetchall() == [("a",)]
    for statement in FORBIDDEN[4:]:
        refused(caller, "writer", statement)
    refused(caller, "writer", "UPDATE internal.excluded_addresses SET value = 'b'")
    refused(caller, "writer", "TRUNCATE internal.excluded_addresses")
    for function in READERS:
        become(caller, "writer")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            call(caller, function)


def test_the_login_role_alone_may_do_nothing(caller: Connection) -> None:
    for statement in (*FORBIDDEN, "SELECT api.get_excluded_addresses()"):
        refused(caller, "postgrest", statement)


@pytest.mark.parametrize("first", ["postgrest", "web_anon", "writer"])
def test_no_other_role_can_be_taken(caller: Connection, first: str) -> None:
    """Whatever a token says; the superuser, the owner and Telegraf's role are among them."""
    others = {str(row[0]) for row in caller.execute("SELECT rolname FROM pg_roles")}
    others -= {"postgrest", "web_anon", "writer"}
    assert {"postgres", "staging_writer", "telegraf", "authenticator"} <= others
    for other in others:
        become(caller, first)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            caller.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(other)))


def test_each_role_has_its_limits(caller: Connection) -> None:
    found: dict[str, dict[str, str]] = {}
    for role, setting, value in caller.execute(SETTINGS).fetchall():
        found.setdefault(role, {})[setting] = value
    assert found == LIMITS
    # And where these are not read, the session's own.
    assert caller.execute("SHOW statement_timeout").fetchone() == ("30s",)


def test_a_call_that_takes_too_long_is_ended(caller: Connection, database: ScratchDatabase) -> None:
    """The function would sleep for ten minutes; web_anon's longer limit is tested over HTTP."""
    with database.connection(autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION api.slow() RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(600)'"
        )
        owner.execute("GRANT EXECUTE ON FUNCTION api.slow() TO web_anon, writer")
    become(caller, "writer")
    with pytest.raises(psycopg.errors.QueryCanceled, match="statement timeout"):
        caller.execute("SELECT api.slow()")


def test_every_function_describes_its_arguments(database: ScratchDatabase) -> None:
    """PostgREST's page has the first line of a comment as the title, and the rest below it."""
    with database.connection() as connection:
        rows = connection.execute(
            "SELECT proname, coalesce(obj_description(oid, 'pg_proc'), ''),"
            " coalesce(proargnames[:pronargs], '{}') FROM pg_proc"
            " WHERE pronamespace = 'api'::regnamespace"
        ).fetchall()
    lacking = {
        name: wanting
        for name, comment, arguments in rows
        if (
            wanting := [
                *([] if comment.partition("\n\n")[2] else ["a description"]),
                *(each for each in arguments if each not in comment.partition("\n")[2]),
            ]
        )
    }
    assert not lacking


def test_whatever_changes_the_api_tells_postgrest(plain_cluster: Cluster) -> None:
    """Each file says so itself, so that golang-migrate does too; up and down."""
    url = plain_cluster.empty_url()
    heard: list[str] = []
    try:
        with ScratchDatabase(url) as database, psycopg.connect(url, autocommit=True) as listener:
            listener.add_notify_handler(lambda notice: heard.append(notice.payload))
            listener.execute("LISTEN pgrst")
            migrator = Migrator(database, load_migrations(SQL_DIR))
            newest = len(load_migrations(SQL_DIR))
            migrator.up(to=2)
            before = set(listener.execute(API).fetchall())
            for version in [*range(3, newest + 1), *range(newest - 1, 1, -1)]:
                heard.clear()
                migrator.up(to=version)
                migrator.down(version)
                after = set(listener.execute(API).fetchall())
                # What was sent before is delivered before this answer.
                listener.execute("SELECT")
                assert after == before or "reload schema" in heard, version
                before = after
    finally:
        plain_cluster.drop(url)
