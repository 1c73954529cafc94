"""Fixtures: a migrated database with hands to fill it and to ask it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.fix_postgres import Cluster, ScratchDatabase
from tests.sql.world import World


@pytest.fixture
def world(cluster: Cluster, database: ScratchDatabase) -> Iterator[World]:
    """Lend a database of its own, of each engine in turn."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        yield World(connection, cluster.engine)


@pytest.fixture(scope="module", params=["plain_cluster", "timescaledb_cluster"])
def shared_database(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Lend one database to all tests of a module: engine and URL."""
    cluster: Cluster = request.getfixturevalue(request.param)
    url = cluster.migrated_url()
    yield cluster.engine, url
    cluster.drop(url)


@pytest.fixture
def empty_world(shared_database: tuple[str, str]) -> Iterator[World]:
    """Lend a shared database without data; what a test changes is rolled back."""
    engine, url = shared_database
    with psycopg.connect(url) as connection:
        yield World(connection, engine)
        connection.rollback()
