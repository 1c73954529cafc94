"""The buckets and the numbers of every answer."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import ScratchDatabase
from tests.sql.world import World, in_utc


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def bucket_start(world: World, interval: str, instant: datetime) -> Any:
    row = world.connection.execute(
        "SELECT internal.bucket_start(%s::interval, %s)", (interval, instant)
    ).fetchone()
    assert row is not None
    return in_utc(row[0])


@pytest.mark.parametrize(
    ("interval", "instant", "start"),
    [
        ("1 minute", "2026-03-29T01:59:59.999999", "2026-03-29T01:59"),
        ("90 seconds", "2000-01-03T00:02:59", "2000-01-03T00:01:30"),
        ("1 day", "2026-03-29T23:59:59", "2026-03-29T00:00"),
        ("1 day", "2026-03-29T00:00", "2026-03-29T00:00"),
        ("24 hours", "2026-10-25T12:00", "2026-10-25T00:00"),
        ("7 days", "2026-11-22T23:59:59", "2026-11-16T00:00"),  # a Sunday; weeks start on Mondays
        ("7 days", "1999-12-31T00:00", "1999-12-27T00:00"),
        ("1 month", "2024-02-29T23:59:59", "2024-02-01T00:00"),
        ("1 month", "2026-12-31T23:59:59", "2026-12-01T00:00"),
        ("1 month", "1999-12-31T23:59:59", "1999-12-01T00:00"),
        ("3 months", "2026-12-31T23:59:59", "2026-10-01T00:00"),
        ("5 months", "2000-06-01T00:00", "2000-06-01T00:00"),
        ("1 year", "2026-12-31T23:59:59", "2026-01-01T00:00"),
        ("1000 years", "2026-12-31T23:59:59", "2000-01-01T00:00"),
    ],
)
def test_an_instant_belongs_to_the_bucket_that_starts_at(
    empty_world: World, interval: str, instant: str, start: str
) -> None:
    assert bucket_start(empty_world, interval, utc(instant)) == utc(start)


def test_mixed_intervals_have_no_buckets(empty_world: World) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        bucket_start(empty_world, "1 month 1 day", utc("2026-01-01T00:00"))


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati"])
def test_the_session_time_zone_moves_no_bucket(empty_world: World, zone: str) -> None:
    # Around both of New York's clock changes, and a month that begins elsewhere earlier.
    instants = [utc("2026-03-08T06:30"), utc("2026-11-01T05:30"), utc("2026-04-30T23:30")]
    intervals = ["1 hour", "1 day", "7 days", "1 month"]
    expected = [bucket_start(empty_world, i, t) for i in intervals for t in instants]
    empty_world.connection.execute("SELECT set_config('TimeZone', %s, false)", (zone,))
    assert [bucket_start(empty_world, i, t) for i in intervals for t in instants] == expected


def test_buckets_are_those_of_time_bucket(timescaledb_database: ScratchDatabase) -> None:
    seeded = random.Random(7)
    instants = [
        utc("1990-01-01T00:00") + timedelta(seconds=seeded.uniform(0, 40 * 366 * 86400))
        for _ in range(500)
    ]
    with timescaledb_database.connection() as connection:
        differing = connection.execute(
            """
            SELECT i.length, t.instant
            FROM unnest(%s::interval[]) AS i (length), unnest(%s::timestamptz[]) AS t (instant)
            WHERE internal.bucket_start(i.length, t.instant)
                IS DISTINCT FROM public.time_bucket(i.length, t.instant)
            """,
            (
                ["1 s", "7 min", "1 hour", "1 day", "10 days", "1 month", "5 months", "1 year"],
                instants,
            ),
        ).fetchall()
    assert differing == []


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("135304300855652060000", "135304300855652060000"),
        ("3.00", "3"),
        ("0.3790", "0.379"),
        ("0.000", "0"),
        ("-0.50", "-0.5"),
        ("1e30", "1" + "0" * 30),
        ("1e-20", "0." + "0" * 19 + "1"),
    ],
)
def test_numbers_are_plain_text(empty_world: World, number: str, text: str) -> None:
    row = empty_world.connection.execute(
        "SELECT internal.plain_text(%s::numeric)", (number,)
    ).fetchone()
    assert row == (text,)
