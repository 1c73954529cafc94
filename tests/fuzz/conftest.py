"""Fixtures: one database a module with rows of every kind, ordinary ones and extremes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import psycopg
import pytest

from tests.fix_postgres import Cluster
from tests.fix_postgrest import Rest, running_postgrest
from tests.fuzz.arguments import METRICS
from tests.sql.world import EXCLUDED, MINUTE, PRICE, TOTAL, World, days_ago, minutes_ago

_VALUES = ("1", "0", "-0.5", "1e300", "5e-324", "123456789012345678901234567890", "0.1")


def fill(url: str, engine: str) -> None:
    """Store rows of every schema, with labels that are no numbers and values at the borders."""
    with psycopg.connect(url, autocommit=True) as connection:
        world = World(connection, engine)
        for number in range(40):
            at = minutes_ago(30) - number * timedelta(minutes=397)
            value = _VALUES[number % len(_VALUES)]
            for schema in ("mainnet", "testnet", "common"):
                world.put("node_count", schema, at, value)
                world.put("total_mfx_burned", schema, at, 1, amount=value)
            for tier in ("mainnet", "testnet"):
                world.put_supply(tier, at, 10**30 + number, number, 7, 3)
                world.put(TOTAL, tier, at, 1, supply="n/a")
                world.put(EXCLUDED, tier, at, 1, excluded_supply="1e9")
            world.put(PRICE, "common", at, value)
            world.put("bytes_sent", "cumsum", at, value)
            world.put("manifest_geo_latitude", "geo", at, value, instance=f"node-{number % 3}")
        world.put("node_count", "mainnet", days_ago(360))
        world.put("bytes_sent", "cumsum", days_ago(360) + MINUTE)
        world.settle()
    assert "node_count" in METRICS


@pytest.fixture(scope="module", params=["plain_cluster", "timescaledb_cluster"])
def filled(request: pytest.FixtureRequest) -> Iterator[str]:
    """Lend a database with rows, of each engine in turn, to all tests of a module."""
    cluster: Cluster = request.getfixturevalue(request.param)
    url = cluster.migrated_url()
    try:
        fill(url, cluster.engine)
        yield url
    finally:
        cluster.drop(url)


@pytest.fixture(scope="module")
def rest(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """Lend PostgREST over a database with rows."""
    url = plain_cluster.migrated_url()
    try:
        fill(url, plain_cluster.engine)
        with running_postgrest(url, tmp_path_factory.mktemp("postgrest")) as found:
            yield found
    finally:
        plain_cluster.drop(url)


@pytest.fixture(scope="module")
def client(rest: Rest) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=rest.url, timeout=60, trust_env=False) as client:
        yield client
