"""Buckets that somebody changed by hand are made anew, minutes, hours and days."""

from __future__ import annotations

import pytest

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.database import Connection, engine_of
from tests.fix_postgres import ScratchDatabase
from tests.oracle import wrong_buckets
from tests.replaced_world import DAY, HOUR, MINUTE, ReplacedWorld, Window

DAMAGED = (
    "cumsum.all_metrics_minute",
    "cumsum.all_metrics_hour",
    "cumsum.all_metrics_day",
    "internal.prometheus_common_1m",
    "internal.prometheus_common_1h",
    "internal.prometheus_common_1d",
)


@pytest.fixture
def world(database: ScratchDatabase) -> ReplacedWorld:
    world = ReplacedWorld(database, wrong=False, days=4)
    world.fill()
    world.refresh()
    with database.connection(autocommit=True) as connection:
        if engine_of(connection) == "timescaledb":
            connection.execute("CALL internal.refresh_rollups()")
    return world


def damage(connection: Connection, window: Window) -> None:
    """Take some rows out of each table, and change others."""
    for name in DAMAGED:
        table = name
        if engine_of(connection) == "timescaledb":
            (table,) = connection.execute(
                "SELECT format('%%I.%%I', h.schema_name, h.table_name)"
                " FROM _timescaledb_catalog.continuous_agg a"
                " JOIN _timescaledb_catalog.hypertable h ON h.id = a.mat_hypertable_id"
                " WHERE a.user_view_schema || '.' || a.user_view_name = %s",
                (name,),
            ).fetchone() or ("",)
        value = "sum_value" if name.startswith("cumsum") else "value"
        here = "WHERE bucket >= %(start)s AND bucket < %(end)s"
        changed = f"UPDATE {table} SET {value} = {value} + 7 {here}"  # noqa: S608
        removed = f"DELETE FROM {table} {here} AND extract(day FROM bucket)::int & 1 = 0"  # noqa: S608
        for statement in (changed, removed):
            bounds = {"start": window.start, "end": window.end}
            assert connection.execute(statement.encode(), bounds).rowcount


def test_a_rebuild_heals_what_no_log_knows_of(world: ReplacedWorld) -> None:
    """
    1. In minutes, hours and days rows are changed and deleted by hand.
    2. A rebuild of exactly that range makes all as it was; a refresh of what was noted does not.
    3. Outside of the range nothing is touched, and nothing is noted as changed.
    """
    before = world.contents()
    window = Window(world.start + DAY, world.start + 3 * DAY)
    with world.database.connection() as connection:
        damage(connection, window)
    damaged = world.contents()
    assert damaged != before
    world.refresh()
    assert world.contents() != before
    aggregates = Aggregates(world.database)
    for schema, name, _ in AGGREGATES:
        aggregates.refresh(f"{schema}.{name}", window, rebuild=True)
    assert world.contents() == before
    assert not wrong_buckets(world.database, world.now - 2 * MINUTE)
    assert not aggregates.pending()


def test_a_rebuild_ends_where_raw_rows_may_be_gone(world: ReplacedWorld) -> None:
    """Minutes whose raw rows are gone stay; hours are made anew from minutes at any age."""
    before = world.contents()[-4:]
    aggregates = Aggregates(world.database)
    oldest = world.start + DAY
    with world.database.connection() as connection:
        if engine_of(connection) == "timescaledb":
            connection.execute(
                "SELECT drop_chunks('internal.prometheus_remote_write', now() + INTERVAL '1 year')"
            )
        else:
            connection.execute(
                "DELETE FROM internal.prometheus_remote_write WHERE time < %s", (oldest,)
            )
    report = aggregates.refresh(
        "internal.prometheus_common_1m", Window(world.start, oldest - HOUR), rebuild=True
    )
    assert report.below_floor == Window(world.start, oldest - HOUR)
    assert world.contents()[-4:] == before
