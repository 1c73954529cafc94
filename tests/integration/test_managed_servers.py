"""What a cloud's server does differently: which TimescaleDB it has, and who made the extension."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.errors import MigrationError
from promtsdb_dagster.settings import ROOT
from tests.docs.mapping import COMMANDS
from tests.docs.reading import blocks
from tests.fix_postgres import SQL_DIR, Cluster, running_cluster
from tests.pages import run

FILES = load_migrations(SQL_DIR)
PAGE = ROOT / "docs/how-to/use-managed-postgresql.md"


@pytest.fixture(scope="module")
def apache() -> Iterator[Cluster]:
    """Run a server with the edition of TimescaleDB that most clouds offer."""
    with running_cluster("timescaledb", {"timescaledb.license": "apache"}) as cluster:
        yield cluster


def owned(cluster: Cluster, *, extension: bool) -> str:
    """Return the URL of a new database, as an owner who is no superuser."""
    url = cluster.empty_url()
    with cluster.admin() as connection:
        connection.execute("DROP ROLE IF EXISTS renter")
        connection.execute("CREATE ROLE renter LOGIN CREATEROLE")
        name = url.rsplit("/", 1)[1]
        connection.execute(f"ALTER DATABASE {name} OWNER TO renter")
    if extension:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION timescaledb")
    return url.replace("//postgres@", "//renter@")


def test_an_edition_without_aggregates_counts_as_plain_postgresql(apache: Cluster) -> None:
    url = owned(apache, extension=False)
    with Database(url) as database:
        assert len(Migrator(database, FILES).up()) == len(FILES)
        assert Migrator(database, FILES).status().engine == "postgresql"
    apache.drop(url)


def test_its_extension_is_refused_until_it_is_dropped(apache: Cluster) -> None:
    url = owned(apache, extension=True)
    with Database(url) as database:
        with pytest.raises(MigrationError, match="license is apache, wanted timescale"):
            Migrator(database, FILES).up()
        with psycopg.connect(apache.url(url.rsplit("/", 1)[1]), autocommit=True) as connection:
            connection.execute("DROP EXTENSION timescaledb")
        assert len(Migrator(database, FILES).up()) == len(FILES)
    apache.drop(url)


def test_an_extension_that_the_cloud_made_is_taken(timescaledb_cluster: Cluster) -> None:
    url = owned(timescaledb_cluster, extension=True)
    with Database(url) as database:
        assert len(Migrator(database, FILES).up()) == len(FILES)
        assert database.engine() == "timescaledb"
    timescaledb_cluster.drop(url)


@pytest.mark.parametrize("engine", ["postgresql", "timescaledb"])
def test_the_page_makes_an_owner_and_the_logins(engine: str, tmp_path: Path) -> None:
    """
    1. An administrator who is no superuser runs the page's SQL; the owner migrates.
    2. The owner gives the services their logins, by the page's command, and closes `public`.
    3. Both services log in, and may do what they are for.
    """
    make_owner, close_public = (block.text for block in blocks(PAGE, "sql"))
    [make_logins] = [c for c in COMMANDS if "$DATABASE_URL" in c and c.endswith("roles.sql")]
    with running_cluster(engine) as cluster:
        with cluster.admin() as connection:
            connection.execute("CREATE ROLE cloud LOGIN CREATEROLE CREATEDB")
        server = cluster.url("postgres").replace("//postgres@", "//cloud@")
        with psycopg.connect(server, autocommit=True) as connection:
            for statement in make_owner.split(";\n"):
                if statement.strip():
                    connection.execute(statement.encode())
        url = cluster.url("metrics").replace("//postgres@", "//promtsdb@")
        with Database(url) as database:
            assert len(Migrator(database, FILES).up()) == len(FILES)
            assert database.engine() == engine
        passwords = {"TELEGRAF_DB_PASSWORD": "t3l3graf", "POSTGREST_DB_PASSWORD": "p0stgr3st"}
        run(make_logins, {"DATABASE_URL": url, **passwords}, tmp_path)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(close_public.encode())
        for role, statement in (
            ("telegraf", "SELECT FROM staging_cumsum.prometheus_remote_write_tag"),
            ("postgrest", "SET ROLE web_anon; SELECT api.get_all_latest_common_metrics()"),
        ):
            service = cluster.url("metrics").replace("//postgres@", f"//{role}@")
            with psycopg.connect(service, autocommit=True) as connection:
                connection.execute(statement.encode())


@pytest.mark.parametrize("ours", [True, False])
def test_whoever_made_the_extension_may_update_it(
    timescaledb_cluster: Cluster, tmp_path: Path, ours: bool
) -> None:
    url = owned(timescaledb_cluster, extension=not ours)
    with Database(url) as database:
        Migrator(database, FILES).up()
    [update] = [c for c in COMMANDS if c.startswith("psql") and "ALTER EXTENSION" in c]
    if ours:
        assert "already installed" in run(update, {"DATABASE_URL": url}, tmp_path)
    else:
        with pytest.raises(AssertionError, match="must be owner of extension timescaledb"):
            run(update, {"DATABASE_URL": url}, tmp_path)
    timescaledb_cluster.drop(url)
