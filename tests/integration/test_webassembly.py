"""What TimescaleDB must do for us, shown where no server can be installed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.adapters.staging import DrainReport, Staging
from promtsdb_dagster.core.windows import Window
from tests.catalog import POLICIES, describe, policies
from tests.fix_pglite import OneConnection
from tests.fix_postgres import SQL_DIR
from tests.rows import put, stored, tag

DAY = timedelta(days=1)
NOON = datetime.now(timezone.utc).replace(hour=12, minute=0, second=0, microsecond=0) - 30 * DAY
AROUND = Window(NOON - DAY, NOON + DAY)
MAINNET = "internal.prometheus_mainnet_1m"
FILES = load_migrations(SQL_DIR)


@pytest.fixture
def database(pglite: OneConnection) -> OneConnection:
    Migrator(pglite, FILES).up()
    return pglite


def test_all_migrations_up_down_up(pglite: OneConnection) -> None:
    migrator = Migrator(pglite, FILES)
    assert len(migrator.up()) == len(FILES)
    first = describe(pglite)
    assert policies(pglite) == POLICIES
    assert len(migrator.down(0)) == len(FILES)
    assert len(migrator.up()) == len(FILES)
    assert describe(pglite) == first
    assert migrator.status().engine == "timescaledb"


def test_staging_refresh_and_late_tags(database: OneConnection) -> None:
    aggregates = Aggregates(database)
    with database.connection() as connection:
        connection.execute("UPDATE internal.staging_limit SET late = INTERVAL '1 year'")
        connection.execute(
            "INSERT INTO staging_internal.prometheus_remote_write"
            " VALUES (%s, 1, 'up', 'mainnet', 1), (%s, 1, 'up', 'mainnet', 'NaN')",
            [NOON, NOON + DAY / 24],
        )
    assert aggregates.refresh(MAINNET, AROUND, only_changed=True).buckets == 0
    with database.connection() as connection:
        connection.execute(
            "INSERT INTO staging_internal.prometheus_remote_write_tag VALUES (1, %s)",
            ['{"supply": "7"}'],
        )
    assert aggregates.refresh(MAINNET, AROUND, only_changed=True).buckets == 1
    assert stored(database, MAINNET) == [(NOON, "up", 7)]
    assert Staging(database).drain("internal") == DrainReport(0, 0, 0)


def test_compressed_and_dropped_chunks_cost_no_bucket(database: OneConnection) -> None:
    names = [f"{schema}.{name}" for schema, name, _ in AGGREGATES]
    schemas = ("mainnet", "testnet", "common", "geo")
    tag(database, {1: {"instance": "a"}})
    put(database, [(NOON, 1, "locked_tokens", schema, 1) for schema in schemas])
    put(database, [(NOON, 1, "web_requests", "cumsum", 1)], "cumsum")
    aggregates = Aggregates(database)
    for name in names:
        aggregates.refresh(name, AROUND)
    before = {name: stored(database, name) for name in names}
    assert all(before.values())

    with database.connection(autocommit=True) as connection:
        for table in ("internal.prometheus_remote_write", "cumsum.prometheus_remote_write"):
            compressed = connection.execute(
                "SELECT public.compress_chunk(c) FROM public.show_chunks(%s) AS c", [table]
            ).fetchall()
            assert len(compressed) == 1
    put(database, [(NOON + DAY / 24, 1, "locked_tokens", "mainnet", 2)])
    for name in names:
        aggregates.refresh(name, AROUND)
    assert [row[2] for row in stored(database, MAINNET)] == [1, 2]

    with database.connection(autocommit=True) as connection:
        connection.execute("SELECT public.drop_chunks('internal.prometheus_remote_write', now())")
    before = {name: stored(database, name) for name in names}
    for name in names:
        aggregates.refresh(name, AROUND)
    assert {name: stored(database, name) for name in names} == before
