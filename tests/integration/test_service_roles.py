"""The logins of a deployment: what makes them, what they may, and where their passwords go."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from promtsdb_dagster.adapters.database import Database
from tests.fix_deployment import POSTGREST_PASSWORD, TELEGRAF_PASSWORD, Deployment
from tests.fix_pglite import OneConnection
from tests.fix_postgres import Cluster, ScratchDatabase, running_cluster
from tests.fix_telegraf import ROLES, as_role, make_service_roles, psql_program
from tests.privileges import INIT, SECRETS, deployed

# What Telegraf may not, beside what it is for.
FORBIDDEN = (
    "SELECT FROM staging_internal.prometheus_remote_write",
    "SELECT FROM staging_cumsum.prometheus_remote_write",
    "UPDATE staging_internal.prometheus_remote_write_tag SET tag_id = 0",
    "DELETE FROM staging_internal.prometheus_remote_write",
    "TRUNCATE staging_internal.prometheus_remote_write",
    "ALTER TABLE staging_internal.prometheus_remote_write_tag ADD COLUMN mine text",
    "COMMENT ON COLUMN staging_internal.prometheus_remote_write_tag.tags IS 'tag'",
    "ALTER TABLE staging_internal.prometheus_remote_write DISABLE TRIGGER ALL",
    "CREATE TABLE staging_internal.mine ()",
    "CREATE TABLE public.mine ()",
    "CREATE SCHEMA mine",
    "SELECT FROM internal.prometheus_remote_write",
    "SELECT FROM internal.prometheus_remote_write_tag",
    "INSERT INTO internal.prometheus_remote_write DEFAULT VALUES",
    "SELECT FROM cumsum.all_metrics_minute",
    "SELECT FROM internal.excluded_addresses",
    "SELECT internal.drain_staging('internal')",
    "SELECT internal.move_staged_rows('internal')",
    "SELECT internal.upsert_tags('{}', '{}')",
    "SELECT api.get_latest_geo_coordinates()",
    "SET ROLE web_anon",
    "SET ROLE writer",
    "CREATE ROLE mine",
)
ALLOWED = (
    "CREATE TEMP TABLE t (LIKE staging_internal.prometheus_remote_write_tag) ON COMMIT DROP",
    "INSERT INTO staging_cumsum.prometheus_remote_write_tag VALUES (1) ON CONFLICT DO NOTHING",
    "INSERT INTO staging_internal.prometheus_remote_write VALUES (now(), 1, 'n', 'common', 1)",
)


MEMBERS = [("postgrest", "web_anon"), ("postgrest", "writer"), ("telegraf", "staging_writer")]


def memberships(database: Database) -> list[tuple[str, str]]:
    """Return what the logins are members of."""
    with database.connection() as connection:
        return connection.execute(
            "SELECT m.rolname, g.rolname FROM pg_auth_members a"
            " JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid"
            " WHERE m.rolname IN ('telegraf', 'postgrest', 'staging_writer') ORDER BY 1, 2"
        ).fetchall()


def test_the_role_of_telegraf_may_do_its_work_and_nothing_else(database: ScratchDatabase) -> None:
    make_service_roles(database.url)
    with psycopg.connect(as_role(database.url, "telegraf", "t"), autocommit=True) as connection:
        for statement in FORBIDDEN:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        with connection.transaction():
            for statement in ALLOWED:
                connection.execute(statement.encode())


def test_services_log_in_with_their_passwords(deployment: Deployment) -> None:
    """Run twice, it changes passwords, and no log has one of them."""
    for telegraf, postgrest in ((TELEGRAF_PASSWORD, POSTGREST_PASSWORD), ("n3w t", "n3w p")):
        make_service_roles(deployment.url(), telegraf, postgrest)
        for role, password in (("telegraf", telegraf), ("postgrest", postgrest)):
            login = {"user": role, "password": password}
            psycopg.connect(deployment.url(), **login).close()  # type: ignore[arg-type]
            with pytest.raises(psycopg.OperationalError, match="password authentication"):
                psycopg.connect(deployment.url(), user=role, password="other")

    assert memberships(Database(deployment.url())) == MEMBERS
    with psycopg.connect(deployment.url()) as connection:
        roles = connection.execute(
            "SELECT rolname, rolcanlogin, rolinherit,"
            " rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"
            " FROM pg_roles WHERE rolname IN ('telegraf', 'postgrest', 'staging_writer') ORDER BY 1"
        ).fetchall()
    assert roles == [
        ("postgrest", True, False, False),
        ("staging_writer", False, True, False),
        ("telegraf", True, True, False),
    ]


def test_the_rules_of_newer_servers(pglite: OneConnection) -> None:
    """Since PostgreSQL 16, CREATEROLE reaches only roles that one has made."""
    with psycopg.connect(pglite.url, autocommit=True, prepare_threshold=None) as connection:
        assert connection.info.server_version >= 160000
        connection.execute("CREATE ROLE an_owner LOGIN CREATEROLE")
    environment = {**os.environ, "TELEGRAF_DB_PASSWORD": "t", "POSTGREST_DB_PASSWORD": "p"}
    command = [
        psql_program(),
        "--no-psqlrc",
        pglite.url,
        "-c",
        "SET SESSION AUTHORIZATION an_owner",
    ]
    for _ in range(2):
        done = subprocess.run(
            [*command, "-f", str(ROLES)],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    assert memberships(pglite) == MEMBERS


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """Run a server that logs every change of the schema, and every error."""
    with running_cluster(
        "postgresql", {"log_statement": "ddl", "log_error_verbosity": "verbose"}
    ) as (cluster):
        yield cluster


def run_roles(url: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [psql_program(), "--no-psqlrc", url, "-f", str(ROLES)]
    clean = {name: text for name, text in os.environ.items() if not name.endswith("_DB_PASSWORD")}
    return subprocess.run(
        command, env={**clean, **environment}, capture_output=True, text=True, check=False
    )


def test_no_password_is_logged(own_cluster: Cluster) -> None:
    database = own_cluster.empty_url()
    secrets = {"TELEGRAF_DB_PASSWORD": "s3cret-one", "POSTGREST_DB_PASSWORD": "s3cret-two"}
    with psycopg.connect(own_cluster.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE no_rights LOGIN")

    # Once as it should be, before any migration; then by somebody who may not.
    assert run_roles(database, secrets).returncode == 0
    refused = run_roles(database.replace("postgres@", "no_rights@"), secrets)
    assert refused.returncode == 3
    assert "cannot set the password of the role telegraf" in refused.stderr
    assert "s3cret" not in refused.stdout + refused.stderr

    log = own_cluster.log.read_text()
    assert "CREATE ROLE no_rights" in log
    assert "s3cret" not in log


@pytest.mark.parametrize("variable", ["TELEGRAF_DB_PASSWORD", "POSTGREST_DB_PASSWORD"])
@pytest.mark.parametrize("text", [None, ""])
def test_a_missing_password_is_named(own_cluster: Cluster, variable: str, text: str | None) -> None:
    secrets = {"TELEGRAF_DB_PASSWORD": "t", "POSTGREST_DB_PASSWORD": "p"}
    del secrets[variable]
    if text is not None:
        secrets[variable] = text

    failed = run_roles(own_cluster.empty_url(), secrets)

    assert failed.returncode == 3
    assert f"{variable} is not set" in failed.stderr


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            "ALTER ROLE telegraf CREATEDB",
            "ALTER ROLE telegraf NOCREATEDB",
            "the role telegraf exists with CREATEDB",
        ),
        (
            "ALTER ROLE postgrest SUPERUSER",
            "ALTER ROLE postgrest NOSUPERUSER",
            "the role postgrest exists with SUPERUSER",
        ),
        (
            "GRANT writer TO telegraf",
            "REVOKE writer FROM telegraf",
            "the role telegraf is a member of writer, wanted of staging_writer only",
        ),
    ],
)
def test_a_role_that_may_too_much_is_refused(
    own_cluster: Cluster, before: str, after: str, words: str
) -> None:
    database = own_cluster.empty_url()
    secrets = {"TELEGRAF_DB_PASSWORD": "t", "POSTGREST_DB_PASSWORD": "p"}
    assert run_roles(database, secrets).returncode == 0
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(before.encode())
        refused = run_roles(database, secrets)
        connection.execute(after.encode())

    assert refused.returncode == 3
    assert words in refused.stderr
    assert "HINT" in refused.stderr
    assert run_roles(database, secrets).returncode == 0


@pytest.mark.parametrize("engine", ["postgresql", "timescaledb"])
def test_a_new_cluster_of_the_image(engine: str, tmp_path: Path) -> None:
    """What the image runs at its first start is all that migrations and services need."""
    with deployed(engine, tmp_path) as (cluster, owner):
        with ScratchDatabase(owner) as database:
            assert database.engine() == engine
        with psycopg.connect(as_role(owner, "telegraf", "t")) as connection:
            for statement in ALLOWED:
                connection.execute(statement.encode())
        psycopg.connect(as_role(owner, "postgrest", "p")).close()

        with cluster.admin() as connection:
            roles = connection.execute(
                "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles"
                " WHERE rolname IN ('promtsdb', 'dagster') ORDER BY 1"
            ).fetchall()
            owners = dict(
                connection.execute(
                    "SELECT datname, datdba::regrole::text FROM pg_database"
                    " WHERE datname IN ('metrics', 'dagster')"
                ).fetchall()
            )
            connection.execute("CREATE ROLE stranger LOGIN")
        assert roles == [("dagster", False, False, False), ("promtsdb", False, True, False)]
        assert owners == {"metrics": "promtsdb", "dagster": "dagster"}
        # Nobody reaches a database that is not his.
        for role, name in (
            *(("stranger", name) for name in ("metrics", "dagster", "postgres")),
            *(("telegraf", name) for name in ("dagster", "postgres")),
            *(("postgrest", name) for name in ("dagster", "postgres")),
            ("dagster", "metrics"),
            ("promtsdb", "dagster"),
        ):
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(as_role(cluster.url(name), role, "x"))
        log = cluster.log.read_text()
        assert not [text for text in SECRETS.values() if text in log]


@pytest.mark.parametrize("variable", sorted(SECRETS))
def test_a_new_cluster_names_the_missing_secret(variable: str) -> None:
    environment = {"PATH": os.environ["PATH"], **SECRETS}
    environment[variable] = ""

    failed = subprocess.run(
        [str(INIT)], env=environment, capture_output=True, text=True, check=False
    )

    assert failed.returncode != 0
    assert variable in failed.stderr
