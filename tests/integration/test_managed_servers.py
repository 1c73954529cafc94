"""What a cloud's server does differently: which TimescaleDB it has, and who made the extension."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.errors import MigrationError
from tests.fix_postgres import SQL_DIR, Cluster, running_cluster

FILES = load_migrations(SQL_DIR)


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
