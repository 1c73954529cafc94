"""Hours and days are what the minutes say, wherever `internal.rolled_up` says that they are."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
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
# Both ends of a roll-up's reach: two chunks of raw rows, and minutes that nobody refreshed yet.
PAST = Window(TODAY - 9 * DAY, NOW + 2 * HOUR)

ROLLUPS = {
    "cumsum.all_metrics_hour": ("cumsum.all_metrics_minute", HOUR),
    "cumsum.all_metrics_day": ("cumsum.all_metrics_minute", DAY),
    "internal.cagg_calculated_metric_hour": (SUPPLY, HOUR),
    "internal.cagg_calculated_metric_day": (SUPPLY, DAY),
    **{
        f"internal.prometheus_{tier}_1{width}": (f"internal.prometheus_{tier}_1m", length)
        for tier in ("mainnet", "testnet", "common")
        for width, length in (("h", HOUR), ("d", DAY))
    },
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
    groups: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    keys = 2 if rollup.startswith(("internal.prometheus", "geo")) else 3
    for row in sorted(minutes, key=lambda row: row[0]):
        groups[(floor(row[0], width), *row[1:keys])].append(row[keys:])
    found = set()
    for key, rows in groups.items():
        values = [tuple(cell for cell in column) for column in zip(*rows, strict=True)]
        if rollup.startswith("geo"):
            last = [next((c for c in reversed(column) if c is not None), None) for column in values]
            found.add((*key, *last))
        else:
            found.add((*key, sum(values[0]) if rollup.startswith("cumsum") else max(values[0])))
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
    names = ("locked_tokens", "total_mfx_burned", "up", "manifest_geo_latitude")
    names += ("manifest_geo_longitude",)
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
        increments = [
            (row[0], row[1], "sent", "cumsum", row[4]) for row in some_rows(chance, window, 10)
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
