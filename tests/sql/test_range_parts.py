"""A range is read once: days, hours and minutes share it out without a gap and without overlap."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import psycopg
import pytest

from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from tests.fix_pglite import OneConnection
from tests.fix_postgres import SQL_DIR
from tests.sql.test_api_rollups import INTERVALS, LONG, roll_up
from tests.sql.world import DAY, HOUR, MINUTE, World, days_ago

AGGREGATE = "cumsum.all_metrics_minute"
FIRST = days_ago(40)
# What is wrong with three parts of a range, of which days and hours are known in these places.
WRONG = """
    SELECT concat_ws(', ',
        CASE WHEN days + hours + minutes <> tstzmultirange(tstzrange(%(from)s, %(to)s))
            THEN 'not the whole range' END,
        CASE WHEN days && hours OR days && minutes OR hours && minutes THEN 'read twice' END,
        CASE WHEN NOT days <@ %(days)s::tstzmultirange THEN 'days that are not rolled up' END,
        CASE WHEN NOT hours <@ %(hours)s::tstzmultirange THEN 'hours that are not rolled up' END,
        (SELECT string_agg(format('bucket across intervals from %%s', b), ', ')
            FROM (VALUES (days, interval '1 day'), (hours, interval '1 hour')) AS p (spans, width)
            CROSS JOIN LATERAL unnest(p.spans) AS span
            CROSS JOIN LATERAL generate_series(lower(span), upper(span) - p.width, p.width) AS b
            WHERE date_bin(p.width, b, '2000-01-03 00:00:00+00') <> b
                OR internal.bucket_start(%(interval)s, b)
                    <> internal.bucket_start(%(interval)s, b + p.width - interval '1 microsecond')),
        CASE WHEN isempty(days) AND NOT isempty(%(days)s::tstzmultirange
                * internal.buckets_within('1 day', %(from)s, %(to)s))
            AND (%(interval)s::interval IS NULL OR %(interval)s IN ('1 day', '7 days', '1 month'))
            THEN 'days left out' END)
    FROM (SELECT %(found)s) AS parts
"""


def any_range(seeded: random.Random) -> tuple[datetime, datetime]:
    """Return ends that lie anywhere, on a full hour, at midnight."""
    ends = []
    for _ in range(2):
        end = FIRST + timedelta(seconds=seeded.randrange(40 * 86400))
        step = seeded.choice((timedelta(seconds=1), HOUR, DAY))
        ends.append(end - (end - FIRST) % step)
    return min(ends), max(ends) + MINUTE


def some(seeded: random.Random, width: timedelta, most: int) -> str:
    """Return a multirange of whole buckets of a width."""
    spans = []
    for _ in range(seeded.randrange(most)):
        start = FIRST + seeded.randrange(40 * DAY // width) * width
        spans.append(f"[{start},{start + seeded.randrange(1, 200) * width})")
    return seeded.choice(("{" + ",".join(spans) + "}", "{(,)}"))


def wrong_splits(connection: psycopg.Connection[object], seed: int) -> list[object]:
    """Return what is wrong with splits of random ranges by random roll-ups."""
    seeded = random.Random(seed)
    found: list[object] = []
    split = WRONG.replace(
        "SELECT %(found)s",
        "SELECT * FROM internal.split_range(%(interval)s, %(from)s, %(to)s, %(days)s, %(hours)s)",
    )
    for _ in range(300):
        begin, end = any_range(seeded)
        asked = {
            "interval": seeded.choice((None, *INTERVALS, *LONG)),
            "from": begin,
            "to": end,
            "days": some(seeded, DAY, 4),
            "hours": some(seeded, HOUR, 9),
        }
        row = connection.execute(split, asked).fetchone()
        if row != ("",):
            found.append((row, asked))
    return found


def wrong_parts(world: World, seed: int) -> list[object]:
    """Return what is wrong with the parts of random ranges as a database has them."""
    seeded = random.Random(seed)
    for minute in seeded.sample(range(40 * 1440), 200):
        world.put("web_requests", "cumsum", FIRST + minute * MINUTE, 1)
    world.settle()
    roll_up(world, seeded)
    parts = WRONG.replace(
        "SELECT %(found)s",
        "SELECT coalesce(range_agg(span) FILTER (WHERE width = interval '1 day'), '{}') AS days,"
        " coalesce(range_agg(span) FILTER (WHERE width = interval '1 hour'), '{}') AS hours,"
        " coalesce(range_agg(span) FILTER (WHERE width = interval '1 minute'), '{}') AS minutes"
        " FROM unnest(internal.range_parts(%(name)s, %(interval)s, %(from)s, %(to)s)) AS p,"
        " unnest(p.ranges) AS span",
    )
    for name, rollup in (("days", "day"), ("hours", "hour")):
        parts = parts.replace(
            f"%({name})s::tstzmultirange", f"internal.rolled_up('cumsum.all_metrics_{rollup}')"
        )
    found: list[object] = []
    for _ in range(100):
        begin, end = any_range(seeded)
        interval = seeded.choice((None, *INTERVALS, *LONG))
        asked = {"name": AGGREGATE, "interval": interval, "from": begin, "to": end}
        row = world.connection.execute(parts, asked).fetchone()
        if row != ("",):
            found.append((row, asked))
    return found


@pytest.mark.parametrize("seed", [21])
def test_a_range_is_shared_out_on_each_engine(world: World, seed: int) -> None:
    assert wrong_splits(world.connection, seed) == []
    assert wrong_parts(world, seed) == []


def test_a_range_is_shared_out_on_webassembly(pglite: OneConnection) -> None:
    Migrator(pglite, load_migrations(SQL_DIR)).up()
    with pglite.connection(autocommit=True) as connection:
        assert wrong_splits(connection, 22) == []
        assert wrong_parts(World(connection, pglite.engine()), 22) == []
