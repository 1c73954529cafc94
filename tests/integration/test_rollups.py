"""Hours and days are what the minutes say, wherever `internal.rolled_up` says that they are."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from psycopg import sql

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.database import Connection
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.core.windows import Window, ceil, floor
from tests.fix_postgres import SQL_DIR, ScratchDatabase
from tests.rows import Row, put, tag

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(timezone.utc)
TODAY = floor(NOW, DAY)
NAMES = [f"{schema}.{name}" for schema, name, _ in AGGREGATES]
MAINNET, SUPPLY = "internal.prometheus_mainnet_1m", "internal.cagg_calculated_metric"
TIERS = ("mainnet", "testnet", "common")
# Both ends of a roll-up's reach: two chunks of raw rows, and minutes that nobody refreshed yet.
PAST = Window(TODAY - 9 * DAY, NOW + 2 * HOUR)

ROLLUPS = {
    "cumsum.all_metrics_hour": ("cumsum.all_metrics_minute", HOUR),
    "cumsum.all_metrics_day": ("cumsum.all_metrics_minute", DAY),
    "internal.cagg_calculated_metric_hour": (SUPPLY, HOUR),
    "internal.cagg_calculated_metric_day": (SUPPLY, DAY),
    **{
        f"internal.prometheus_{tier}_1{width}": (f"internal.prometheus_{tier}_1m", length)
        for tier in TIERS
        for width, length in (("h", HOUR), ("d", DAY))
    },
    "geo.latest_coords_hour": ("geo.latest_coords", HOUR),
    "geo.latest_coords_day": ("geo.latest_coords", DAY),
}


@pytest.fixture(params=["postgresql", "timescaledb", "webassembly"])
def world(request: pytest.FixtureRequest) -> ScratchDatabase:
    """Lend a migrated database of each engine in turn."""
    if request.param == "webassembly":
        found: ScratchDatabase = request.getfixturevalue("pglite")
        Migrator(found, load_migrations(SQL_DIR)).up()
        return found
    plain = request.param == "postgresql"
    found = request.getfixturevalue("plain_database" if plain else "timescaledb_database")
    assert isinstance(found, ScratchDatabase)
    return found


def read(connection: Connection, table: str) -> list[tuple[Any, ...]]:
    statement = sql.SQL("SELECT * FROM {}").format(sql.Identifier(*table.split(".")))
    return connection.execute(statement).fetchall()


def rolled_up(connection: Connection, rollup: str) -> list[tuple[datetime, datetime]]:
    """Return what counts as rolled up, within reach of the tests."""
    return connection.execute(
        "SELECT lower(span), upper(span) FROM unnest(internal.rolled_up(%s)"
        " * tstzmultirange(tstzrange(%s, %s))) AS span",
        [rollup, PAST.start - 30 * DAY, ceil(PAST.end, DAY) + DAY],
    ).fetchall()


def reckoned(rollup: str, minutes: list[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """Work out the buckets of a roll-up from the minutes, in another way than the database."""
    width = ROLLUPS[rollup][1]
    groups: dict[tuple[datetime, Any], list[tuple[Any, ...]]] = defaultdict(list)
    keys = 2 if rollup.startswith(("internal.prometheus", "geo")) else 3
    for row in sorted(minutes, key=lambda row: row[0]):
        groups[floor(row[0], width), row[1:keys]].append(row[keys:])
    found = set()
    for (bucket, key), rows in groups.items():
        values = list(zip(*rows, strict=True))
        if rollup.startswith("geo"):
            last = [next((c for c in reversed(column) if c is not None), None) for column in values]
            found.add((bucket, *key, *last))
        else:
            found.add(
                (bucket, *key, sum(values[0]) if rollup.startswith("cumsum") else max(values[0]))
            )
    return found


def differences(database: ScratchDatabase) -> dict[str, Any]:
    """Return by roll-up which buckets are claimed to be rolled up and differ from the minutes."""
    wrong = {}
    with database.connection() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for rollup, (aggregate, width) in ROLLUPS.items():
            spans = rolled_up(connection, rollup)
            assert all(floor(end, width) == end for span in spans for end in span)
            claimed = {
                row for row in read(connection, rollup) if any(s <= row[0] < e for s, e in spans)
            }
            wanted = {
                row
                for row in reckoned(rollup, read(connection, aggregate))
                if any(s <= row[0] < e for s, e in spans)
            }
            if claimed != wanted:
                wrong[rollup] = (
                    sorted(claimed - wanted, key=str),
                    sorted(wanted - claimed, key=str),
                )
    return wrong


def not_covered(database: ScratchDatabase) -> dict[str, list[datetime]]:
    """Return by roll-up the settled buckets of minutes that do not count as rolled up."""
    short = {}
    with database.connection() as connection:
        for rollup, (aggregate, width) in ROLLUPS.items():
            spans = rolled_up(connection, rollup)
            settled = [
                row[0]
                for row in read(connection, aggregate)
                if row[0] < floor(NOW - 2 * HOUR, width)
            ]
            assert settled
            missing = [at for at in settled if not any(s <= at < e for s, e in spans)]
            if missing:
                short[rollup] = missing
    return short


def refresh_all(database: ScratchDatabase, window: Window) -> None:
    whole = Window(floor(window.start, MINUTE), ceil(window.end, MINUTE))
    for name in NAMES:
        Aggregates(database).refresh(name, whole)


def some_rows(chance: random.Random, window: Window, count: int) -> Iterator[Row]:
    names = ["locked_tokens", "total_mfx_burned", "up"]
    names += ["manifest_geo_latitude", "manifest_geo_longitude"]
    for _ in range(count):
        at = window.start + chance.random() * window.duration
        schema = chance.choice(("mainnet", "testnet", "common", "geo"))
        value = Decimal(chance.randrange(10**6)) / 1000
        yield (at, chance.randrange(4), chance.choice(names), schema, value)


def some_window(chance: random.Random) -> Window:
    start = PAST.start + chance.random() * PAST.duration
    return Window(start, min(PAST.end, start + chance.choice((HOUR, DAY, 5 * DAY))) + MINUTE)


def change_something(database: ScratchDatabase, chance: random.Random) -> None:
    window = some_window(chance)
    kind = chance.choice(("put", "put", "delete", "update", "refresh", "refresh"))
    if kind == "put":
        put(database, set(some_rows(chance, window, 30)))
        increments: list[Row] = [
            (at, series, "sent", "cumsum", value)
            for at, series, _, _, value in some_rows(chance, window, 10)
        ]
        put(database, increments, "cumsum")
    elif kind == "refresh":
        name = chance.choice(NAMES)
        whole = Window(floor(window.start, MINUTE), ceil(window.end, MINUTE))
        Aggregates(database).refresh(name, whole)
    else:
        statement = "DELETE FROM {}.prometheus_remote_write WHERE time >= %s AND time < %s"
        if kind == "update":
            statement = (
                "UPDATE {}.prometheus_remote_write SET value = value + 1"
                " WHERE time >= %s AND time < %s AND tag_id = 1"
            )
        source = chance.choice(("internal", "cumsum"))
        with database.connection() as connection:
            connection.execute(
                sql.SQL(statement).format(sql.Identifier(source)), [window.start, window.end]
            )


@pytest.mark.parametrize("seed", range(2))
def test_what_counts_as_rolled_up_is_what_the_minutes_say(
    world: ScratchDatabase, seed: int
) -> None:
    """
    1. Rows come, change and go in any order, and parts are refreshed; after each step nothing
       that is called rolled up differs from the minutes.
    2. Everything is refreshed: then all that is past is rolled up, although raw rows of today are
       shown in real time.
    """
    chance = random.Random(seed)
    tag(
        world,
        {
            0: {"instance": "a", "country_name": "FR"},
            1: {"instance": "a", "city": "Lyon"},
            2: {"amount": "9" * 30},
            3: {"instance": "b"},
        },
    )
    put(world, set(some_rows(chance, PAST, 400)))
    refresh_all(world, Window(PAST.start, NOW - 3 * HOUR))
    assert differences(world) == {}
    for _ in range(25):
        change_something(world, chance)
        assert differences(world) == {}

    put(world, set(some_rows(chance, Window(NOW - 3 * DAY, NOW), 100)))
    refresh_all(world, PAST)
    assert differences(world) == {}
    put(world, set(some_rows(chance, Window(NOW, NOW + HOUR), 30)))
    assert differences(world) == {}
    assert not_covered(world) == {}


def some_days(database: ScratchDatabase) -> None:
    """Store a sample of every kind each hour, up to now."""
    tag(database, {1: {"instance": "a", "city": "Paris"}})
    times = [PAST.start + i * HOUR for i in range((NOW - PAST.start) // HOUR + 1)]
    put(database, [(t, 1, "locked_tokens", s, i % 7) for i, t in enumerate(times) for s in TIERS])
    put(database, [(t, 1, "manifest_geo_latitude", "geo", i) for i, t in enumerate(times)])
    put(database, [(t, 1, "sent", "cumsum", i) for i, t in enumerate(times)], "cumsum")


def test_an_upgrade_rolls_up_what_is_there(empty_database: ScratchDatabase) -> None:
    """
    1. A database of before has minutes, and no roll-ups.
    2. Plain PostgreSQL rolls up while it is migrated; on TimescaleDB nothing counts as rolled up
       until the job has done it, below the refresh floor too.
    """
    files = load_migrations(SQL_DIR)
    before = [file for file in files if file.version <= 41]
    timescaledb = Migrator(empty_database, before).up() and (
        empty_database.engine() == "timescaledb"
    )
    some_days(empty_database)
    with empty_database.connection(autocommit=True) as connection:
        for name in NAMES:
            connection.execute(
                "CALL public.refresh_continuous_aggregate(%s, %s, %s)"
                if timescaledb
                else "SELECT internal.refresh_aggregate(%s, %s, %s)",
                [name, PAST.start, floor(NOW, MINUTE)],
            )
        connection.execute("DELETE FROM internal.prometheus_remote_write WHERE time < %s", [NOW])

    Migrator(empty_database, files).up()

    assert differences(empty_database) == {}
    if timescaledb:
        assert set(not_covered(empty_database)) == set(ROLLUPS)
        with empty_database.connection(autocommit=True) as connection:
            connection.execute("CALL internal.refresh_rollups()")
    assert differences(empty_database) == {}
    assert not_covered(empty_database) == {}


def test_minutes_that_a_person_changed_count_no_more_and_are_rolled_up_by_the_next_refresh(
    plain_database: ScratchDatabase,
) -> None:
    some_days(plain_database)
    refresh_all(plain_database, PAST)
    changes = (
        "DELETE FROM {} WHERE bucket = %(at)s",
        "UPDATE {} SET bucket = bucket + INTERVAL '3 days 7 minutes' WHERE bucket = %(at)s",
        "INSERT INTO {} VALUES (%(at)s, 'new', 5)",
        "TRUNCATE {}",
    )
    for number, change in enumerate(changes):
        at = PAST.start + number * DAY
        with plain_database.connection() as connection:
            statement = sql.SQL(change).format(sql.Identifier(*MAINNET.split(".")))
            connection.execute(statement, {"at": at})
        assert differences(plain_database) == {}
        if change.startswith("TRUNCATE"):
            continue
        assert "internal.prometheus_mainnet_1d" in not_covered(plain_database)
        Aggregates(plain_database).refresh(MAINNET, Window(TODAY, TODAY + MINUTE))
        assert differences(plain_database) == {}
        assert not_covered(plain_database) == {}


def test_nothing_is_claimed_while_a_refresh_is_on_its_way(
    timescaledb_database: ScratchDatabase,
) -> None:
    """
    1. Minutes have been refreshed, the hours above them are held up half way.
    2. They do not count as rolled up, until that refresh has ended.
    """
    some_days(timescaledb_database)
    refresh_all(timescaledb_database, PAST)
    put(timescaledb_database, [(PAST.start + DAY, 1, "up", "mainnet", 5)])
    day = Window(PAST.start + DAY, PAST.start + 2 * DAY)
    with ThreadPoolExecutor(1) as pool, timescaledb_database.connection() as holding:
        (store,) = holding.execute(
            "SELECT materialization_hypertable_schema || '.' || materialization_hypertable_name"
            " FROM timescaledb_information.continuous_aggregates"
            " WHERE view_name = 'prometheus_mainnet_1h'"
        ).fetchone() or ("",)
        holding.execute(
            sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.Identifier(*store.split(".")))
        )
        refreshing = pool.submit(Aggregates(timescaledb_database).refresh, MAINNET, day)
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        deadline = time.monotonic() + 60
        while holding.execute(waits).fetchone() == (0,):
            assert time.monotonic() < deadline
        assert differences(timescaledb_database) == {}
        short = not_covered(timescaledb_database)
        assert set(short) == {"internal.prometheus_mainnet_1h", "internal.prometheus_mainnet_1d"}
        holding.rollback()
        refreshing.result()
    assert differences(timescaledb_database) == {}
    assert not_covered(timescaledb_database) == {}
