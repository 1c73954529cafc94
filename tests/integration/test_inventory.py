"""What the graph is told of tables and aggregates: rows, size, oldest and newest."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.inventory import Inventory
from promtsdb_dagster.core.windows import Window, floor
from tests.fix_postgres import ScratchDatabase
from tests.rows import put, tag

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
START = floor(datetime.now(timezone.utc), DAY) - 3 * DAY
MAINNET = ("internal", "prometheus_mainnet_1m")


def test_aggregates_tell_where_their_buckets_lie(database: ScratchDatabase) -> None:
    inventory = Inventory(database)
    empty = {each.key: each for each in inventory.stored_buckets()}
    assert set(empty) == {(schema, name) for schema, name, _ in AGGREGATES}
    assert {(each.rows, each.oldest, each.newest) for each in empty.values()} == {(0, None, None)}

    tag(database, {1: {}})
    put(database, [(START + i * MINUTE, 1, "up", "mainnet", i) for i in range(300)])
    Aggregates(database).refresh(".".join(MAINNET), Window(START, START + DAY))
    with database.connection(autocommit=True) as connection:
        connection.execute("ANALYZE")

    told = {each.key: each for each in inventory.stored_buckets()}
    mainnet = told.pop(MAINNET)
    assert (mainnet.oldest, mainnet.newest) == (START, START + 299 * MINUTE)
    assert mainnet.rows == 300
    assert mainnet.size_bytes > empty[MAINNET].size_bytes
    assert {each.newest for each in told.values()} == {None}
