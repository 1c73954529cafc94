"""Who may do what."""

from __future__ import annotations

import psycopg
import pytest

from tests.fix_postgres import ScratchDatabase

FORBIDDEN = (
    "SELECT FROM internal.prometheus_remote_write",
    "SELECT FROM internal.prometheus_remote_write_tag",
    "SELECT FROM internal.cagg_calculated_metric",
    "SELECT FROM cumsum.all_metrics_minute",
    "SELECT FROM geo.latest_coords",
    "SELECT FROM internal.backfill_ledger",
    "SELECT FROM staging_internal.prometheus_remote_write",
    "INSERT INTO staging_internal.prometheus_remote_write DEFAULT VALUES",
    "SELECT internal.drain_staging('internal')",
    "SELECT internal.upsert_tags('{}', '{}')",
    "SELECT internal.note_change('internal', now(), now(), 'backfill')",
    "SELECT internal.refresh_floor('geo.latest_coords')",
    "CREATE TABLE api.mine ()",
)
SCHEMAS = ("api", "internal", "cumsum", "geo", "staging_internal", "staging_cumsum")


def granted(database: ScratchDatabase, role: str) -> set[tuple[str, str]]:
    """Return what a role itself was granted on relations, as (relation, right)."""
    with database.connection() as connection:
        rows = connection.execute(
            "SELECT c.oid::regclass::text, g.privilege_type FROM pg_class c"
            " CROSS JOIN LATERAL aclexplode(c.relacl) AS g"
            " WHERE c.relnamespace::regnamespace::text = ANY (%s) AND g.grantee = %s::regrole",
            [list(SCHEMAS), role],
        ).fetchall()
    return {(str(row[0]), str(row[1])) for row in rows}


def usable_schemas(database: ScratchDatabase, role: str) -> set[str]:
    with database.connection() as connection:
        rows = connection.execute(
            "SELECT s FROM unnest(%s::text[]) AS s WHERE has_schema_privilege(%s, s, 'USAGE')",
            [list(SCHEMAS), role],
        ).fetchall()
    return {str(row[0]) for row in rows}


def test_rights_are_the_least(database: ScratchDatabase) -> None:
    assert granted(database, "web_anon") == {("internal.excluded_addresses", "SELECT")}
    assert granted(database, "writer") == {
        ("internal.excluded_addresses", "SELECT"),
        ("internal.excluded_addresses", "INSERT"),
        ("internal.excluded_addresses", "DELETE"),
        ("internal.excluded_addresses_id_seq", "USAGE"),
    }
    assert granted(database, "authenticator") == set()
    assert usable_schemas(database, "web_anon") == {"api"}
    assert usable_schemas(database, "writer") == {"api", "internal"}
    assert usable_schemas(database, "authenticator") == set()


def test_the_roles_are_what_postgrest_expects(database: ScratchDatabase) -> None:
    with database.connection() as connection:
        roles = connection.execute(
            "SELECT rolname, rolcanlogin, rolinherit, rolsuper, rolcreaterole, rolbypassrls"
            " FROM pg_roles WHERE rolname IN ('web_anon', 'writer', 'authenticator') ORDER BY 1"
        ).fetchall()
        members = connection.execute(
            "SELECT roleid::regrole::text FROM pg_auth_members"
            " WHERE member = 'authenticator'::regrole ORDER BY 1"
        ).fetchall()
    assert roles == [
        ("authenticator", False, False, False, False, False),
        ("web_anon", False, True, False, False, False),
        ("writer", False, True, False, False, False),
    ]
    assert members == [("web_anon",), ("writer",)]


@pytest.mark.parametrize("role", ["web_anon", "writer"])
def test_visitors_are_kept_out(database: ScratchDatabase, role: str) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(f"SET ROLE {role}".encode())
        for statement in FORBIDDEN:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
