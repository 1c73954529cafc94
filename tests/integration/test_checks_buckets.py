"""The check of an aggregate names buckets that differ, and nothing that waits for its refresh."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import product
from random import Random

import pytest

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.audit_buckets import BucketAudit
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.bucket_check import judge_buckets
from promtsdb_dagster.core.verdicts import Verdict
from promtsdb_dagster.core.windows import Window
from tests.fix_postgres import ScratchDatabase
from tests.rows import put, tag

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = w.floor(datetime.now(timezone.utc), MINUTE)
TODAY = w.floor(NOW, DAY)
FIRST = TODAY - 4 * DAY
NAMES = [f"{schema}.{name}" for schema, name, _ in AGGREGATES]
MAINNET, TOTALS = "internal.prometheus_mainnet_1m", "cumsum.all_metrics_minute"
# All of them name the seed, so that a failure repeats.
SEEDS = range(4)


@pytest.fixture
def filled(database: ScratchDatabase) -> ScratchDatabase:
    """Four days by the quarter hour, refreshed and rolled up."""
    tag(
        database,
        {
            1: {"amount": "7" * 26},
            2: {"instance": "a", "city": "Montreal", "country_name": "Canada"},
            3: {},
        },
    )
    times = list(w.instants(Window(FIRST, NOW), HOUR / 4))
    gauges = [("locked_tokens", "mainnet", 1), ("locked_tokens", "testnet", 3)]
    gauges += [("node_count", "common", 3), ("manifest_geo_latitude", "geo", 2)]
    rows = [
        (at, key, name, schema, number)
        for number, at in enumerate(times)
        for name, schema, key in gauges
    ]
    put(database, rows)
    put(database, [(at, 3, "bytes", "cumsum", n) for n, at in enumerate(times)], "cumsum")
    refresh(database)
    return database


def refresh(database: ScratchDatabase) -> None:
    for name in NAMES:
        Aggregates(database).refresh(name, Window(FIRST, NOW))


def check(database: ScratchDatabase, aggregate: str, seed: int = 0) -> Verdict:
    report = BucketAudit(database).compare(aggregate, NOW, Random(seed))
    return judge_buckets(aggregate, report.compared, report.pending)


def wrong(database: ScratchDatabase, aggregate: str) -> list[Verdict]:
    """Return what failed under any of a few seeds: each looks elsewhere."""
    verdicts = [check(database, aggregate, seed) for seed in SEEDS]
    return [verdict for verdict in verdicts if not verdict.passed]


def ask(database: ScratchDatabase, statement: str) -> None:
    with database.connection() as connection:
        connection.execute(statement)


def store_of(database: ScratchDatabase, relation: str) -> str:
    """Return the table that the buckets lie in."""
    with database.connection() as connection:
        if database.engine() == "postgresql":
            return relation
        row = connection.execute(
            "SELECT format('%%I.%%I', materialization_hypertable_schema,"
            " materialization_hypertable_name) FROM timescaledb_information.continuous_aggregates"
            " WHERE view_schema || '.' || view_name = %s",
            [relation],
        ).fetchone()
    assert row is not None
    return str(row[0])


def test_right_buckets_pass(filled: ScratchDatabase) -> None:
    for aggregate, seed in product(NAMES, SEEDS):
        verdict = check(filled, aggregate, seed)
        assert verdict.passed, verdict.text
        assert isinstance(found := verdict.facts["buckets"], int)
        assert found > 20
        windows = verdict.facts["windows"]
        assert isinstance(windows, list)
        relations = {str(line).split()[0] for line in windows}
        assert len(relations) == 3, "minutes, hours and days were looked at"


def test_an_empty_database_passes(database: ScratchDatabase) -> None:
    for aggregate in NAMES:
        assert check(database, aggregate).passed


@pytest.mark.parametrize("change", ["UPDATE {} SET value = value + 1", "DELETE FROM {}"])
def test_buckets_that_somebody_changed(filled: ScratchDatabase, change: str) -> None:
    ask(filled, change.format(store_of(filled, MAINNET)))
    verdict = check(filled, MAINNET)
    assert f"4 of 4 buckets of {MAINNET}" in verdict.severe[0]
    assert "the raw rows say" in verdict.severe[0]
    assert "promtsdb refresh --from" in verdict.severe[0]
    assert verdict.facts["buckets_differing"] != 0
    others = [name for name in NAMES if name != MAINNET]
    Aggregates(filled).refresh(MAINNET, Window(FIRST, NOW), rebuild=True)
    assert not [verdict.text for verdict in wrong(filled, MAINNET)], "what it says to do helps"
    assert not [verdict.text for name in others for verdict in wrong(filled, name)]


@pytest.mark.parametrize(
    ("aggregate", "rollup"),
    [(TOTALS, "cumsum.all_metrics_day"), (MAINNET, "internal.prometheus_mainnet_1h")],
)
def test_roll_ups_that_somebody_changed(
    filled: ScratchDatabase, aggregate: str, rollup: str
) -> None:
    value = "sum_value" if aggregate == TOTALS else "value"
    ask(filled, f"UPDATE {store_of(filled, rollup)} SET {value} = {value} + 1")  # noqa: S608
    found = wrong(filled, aggregate)
    assert found
    assert f"buckets of {rollup} in " in found[0].text
    assert "are not what the minutes say" in found[0].text
    Aggregates(filled).refresh(aggregate, Window(FIRST, NOW), rebuild=True)
    assert not [verdict.text for verdict in wrong(filled, aggregate)], "what it says to do helps"


def test_what_is_noted_as_changed_is_no_alarm(filled: ScratchDatabase) -> None:
    """Rows that a backfill brought wait for their refresh."""
    put(
        filled, [(at, 1, "node_count", "mainnet", 5) for at in w.instants(Window(FIRST, NOW), HOUR)]
    )
    ask(filled, f"SELECT internal.note_change('internal', '{FIRST}', '{NOW}', 'backfill')")
    assert not [verdict.text for verdict in wrong(filled, MAINNET)]
    assert check(filled, MAINNET).facts["windows_not_refreshed_yet"] == 1
    refresh(filled)
    assert not [verdict.text for verdict in wrong(filled, MAINNET)]


def test_rows_that_nothing_noted_are_an_alarm(plain_database: ScratchDatabase) -> None:
    """TimescaleDB's own log notes them; here they would never become buckets."""
    tag(plain_database, {1: {}})
    rows = [(at, 1, "node_count", "common", 5) for at in w.instants(Window(FIRST, NOW), HOUR / 4)]
    put(plain_database, rows)
    verdict = check(plain_database, "internal.prometheus_common_1m")
    assert "4 of 4 buckets of internal.prometheus_common_1m" in verdict.severe[0]


def test_hours_that_are_made_up_for_are_no_alarm(plain_database: ScratchDatabase) -> None:
    """Nobody refreshed for a day; they come newest first, as many a minute as fit."""
    tag(plain_database, {1: {}})
    rows = [(at, 1, "node_count", "common", 5) for at in w.instants(Window(FIRST, NOW), HOUR / 4)]
    put(plain_database, rows)
    mark = "UPDATE internal.refresh_mark SET refreshed_to = {}, missed = {}"
    common = "internal.prometheus_common_1m"
    for refreshed, missed in (
        (f"'{FIRST}'", "'{}'"),
        ("now()", f"tstzmultirange(tstzrange('{FIRST}', now() - INTERVAL '1 hour'))"),
    ):
        ask(plain_database, mark.format(refreshed, missed))
        assert not [verdict.text for verdict in wrong(plain_database, common)]
    ask(plain_database, mark.format("now()", "'{}'"))
    assert wrong(plain_database, common)


def test_the_newest_minutes_are_the_policies(filled: ScratchDatabase) -> None:
    young = [NOW - 74 * MINUTE + k * MINUTE for k in range(74)]
    put(filled, [(at, 1, "node_count", "mainnet", 5) for at in young])
    assert not [verdict.text for verdict in wrong(filled, MAINNET)]


def test_what_retention_took_is_no_alarm(filled: ScratchDatabase) -> None:
    """Buckets outlive their rows."""
    if filled.engine() == "postgresql":
        ask(filled, "DELETE FROM internal.prometheus_remote_write WHERE time < current_date")
    else:
        ask(filled, "SELECT public.drop_chunks('internal.prometheus_remote_write', now())")
    assert not [verdict.text for verdict in wrong(filled, MAINNET)]
