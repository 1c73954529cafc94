"""The API answers what it answered before it read roll-ups, whatever state those are in."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from tests.fix_pglite import OneConnection
from tests.fix_postgres import SQL_DIR, ScratchDatabase
from tests.integration.test_parity_api import CUMULATIVE, START, TOKENS, fill, questions
from tests.sql.world import DAY, HOUR, MINUTE, World, days_ago, minutes_ago

# What the migrations put back when they are undone: functions that read nothing but minutes.
FORMER = ("046", "050", "052", "053", "055")
OWN = ("latest_metrics", "latest_token_bucket")
INTERVALS = ("1 minute", "7 minutes", "1 hour", "90 minutes", "6 hours", "1 day", "36 hours")
LONG = ("1 day", "7 days", "1 month", "5 months", "1000 years")


def keep_former(connection: psycopg.Connection[Any]) -> None:
    """Make the former functions beside the new ones, in a schema `former`."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS former")
    for number in FORMER:
        (path,) = (SQL_DIR / "migrations").glob(f"{number}_*.down.sql")
        text = path.read_text().split("\nDROP ")[0].replace(" api.", " former.")
        for name in OWN:
            text = text.replace(f"internal.{name}(", f"former.{name}(")
        connection.execute(text)
    # Those that stayed, and call the former ones there.
    connection.execute(
        """
        DO $$
        DECLARE f record;
        BEGIN
            FOR f IN
                SELECT pg_get_functiondef(p.oid) AS text FROM pg_proc p
                WHERE p.pronamespace = 'api'::regnamespace AND p.prosrc ~ 'internal.latest_'
            LOOP
                EXECUTE replace(replace(f.text, ' api.', ' former.'),
                    'internal.latest_', 'former.latest_');
            END LOOP;
        END $$
        """
    )


def more_questions(seeded: random.Random) -> Iterator[tuple[Any, ...]]:
    """Return calls over ranges whose ends lie anywhere."""
    for _ in range(12):
        for intervals, days in ((INTERVALS, 7), (LONG, 60)):
            begin = START - 2 * DAY + timedelta(seconds=seeded.randrange(0, 50 * 86400, 30))
            begin = seeded.choice((begin, days_ago(seeded.randrange(50))))
            end = begin + timedelta(seconds=seeded.randrange(60, days * 86400))
            end = seeded.choice((end, minutes_ago(0) + HOUR)) if intervals is LONG else end
            span = (seeded.choice(intervals), begin, max(end, begin + MINUTE))
            yield ("get_agg_metric", seeded.choice(TOKENS), "mainnet", *span)
            yield ("get_agg_cumsum_metric", seeded.choice(CUMULATIVE), "cumsum", *span)
            for what in ("circulating_supply", "burned_supply", "fdv", "market_cap"):
                yield (f"get_agg_{what}", "testnet", *span)


def differing(world: World, seeded: random.Random) -> list[Any]:
    """Return the questions that the former functions answer in another way."""
    changed = {
        name
        for (name,) in world.connection.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'former'::regnamespace"
        )
    }
    asked = [q for q in (*questions(), *more_questions(seeded)) if q[0] in changed]
    wrong = []
    for name, *arguments in asked:
        places = ", ".join(["%s"] * len(arguments))
        both = [
            world.connection.execute(
                f"SELECT * FROM {schema}.{name}({places})",  # noqa: S608
                arguments,
            ).fetchall()
            for schema in ("former", "api")
        ]
        if both[0] != both[1]:
            wrong.append((name, arguments, both))
    return wrong


def roll_up(world: World, seeded: random.Random) -> None:
    """Roll up some of what is due: on TimescaleDB any window of any, hours not before days."""
    if world.engine != "timescaledb":
        return
    rollups = [r for (r,) in world.connection.execute("SELECT rollup FROM internal.rollup")]
    for rollup in seeded.sample(rollups, len(rollups)):
        start = days_ago(seeded.randrange(50))
        world.connection.execute(
            "CALL public.refresh_continuous_aggregate(%s, %s, %s)",
            (rollup, start, start + seeded.randrange(2, 30) * DAY),
        )


def roll_up_all(world: World) -> None:
    """Do what the policy does."""
    world.connection.execute("CALL internal.refresh_rollups()")


def live_through(world: World, seed: int) -> None:
    """Fill, roll up in part, change what was rolled up; compare the answers after each step."""
    seeded = random.Random(seed)
    keep_former(world.connection)
    assert differing(world, seeded) == []  # nothing at all yet

    steps: list[Callable[[], None]] = []
    fill(world, seed)
    steps.append(world.settle)
    steps.append(lambda: roll_up(world, seeded))
    if world.engine == "timescaledb":
        steps.append(lambda: roll_up_all(world))
    steps.append(lambda: change(world, seeded, minutes=True))
    steps.append(lambda: roll_up(world, seeded))
    steps.append(lambda: change(world, seeded, minutes=False))
    for number, step in enumerate(steps):
        step()
        assert differing(world, seeded) == [], f"after step {number}"


def change(world: World, seeded: random.Random, *, minutes: bool) -> None:
    """Store more rows, old and new ones, names that nobody had before among them."""
    # Of seconds of their own, so that no row is there already.
    second = timedelta(seconds=17 if minutes else 41)
    at = [START + m * MINUTE + second for m in seeded.sample(range(40000), 30)]
    at += [minutes_ago(m) + second for m in seeded.sample(range(1, 400), 20)]
    for instant in at:
        world.put(seeded.choice(TOKENS), "mainnet", instant, seeded.randrange(10**9), instance="d")
        world.put(f"new_{seeded.randrange(4)}", "common", instant, seeded.randrange(9))
        world.put(CUMULATIVE[0], "cumsum", instant, seeded.randrange(1, 9), instance="d")
        place = {"instance": seeded.choice(("a:1", "d:1")), "city": seeded.choice(("Lyon", "Oslo"))}
        world.put("manifest_geo_metadata", "geo", instant, 1, country_name="Y", **place)
    world.store()
    if minutes:
        world.refresh(START, days_ago(20))
        world.refresh(days_ago(1), minutes_ago(60))


@pytest.mark.parametrize("seed", [11, 12])
def test_as_before_on_each_engine(world: World, seed: int) -> None:
    live_through(world, seed)


def test_as_before_on_webassembly(pglite: OneConnection) -> None:
    Migrator(pglite, load_migrations(SQL_DIR)).up()
    with pglite.connection(autocommit=True) as connection:
        live_through(World(connection, pglite.engine()), 13)


# Days of 23 and of 25 hours in Paris.
CLOCK_CHANGES = [
    datetime(2025, month, day, tzinfo=timezone.utc) for month, day in ((3, 30), (10, 26))
]


@pytest.mark.parametrize("changed", CLOCK_CHANGES)
def test_the_session_time_zone_changes_no_answer(world: World, changed: datetime) -> None:
    """
    1. Around a night in which clocks change, an hour is not rolled up any more.
    2. Whoever asks in another time zone gets the same totals, and rolls up the same days.
    """
    for number in range(5 * 24):
        world.put("sent", "cumsum", changed - 2 * DAY + number * HOUR, number + 1)
    world.settle()
    if world.engine == "timescaledb":
        roll_up_all(world)
        world.put("sent", "cumsum", changed + 5 * MINUTE, 1000)
        world.settle()
    else:
        # As a person would: a refresh rolls up at once.
        world.connection.execute(
            "UPDATE cumsum.all_metrics_minute SET sum_value = sum_value + 1 WHERE bucket = %s",
            (changed,),
        )
    question = ("sent", "cumsum", "1 day", changed - 2 * DAY, changed + 3 * DAY)
    wanted = world.ask("get_agg_cumsum_metric", *question)
    assert len(wanted) == 5
    world.connection.execute("SET TimeZone = 'Europe/Paris'")
    assert world.ask("get_agg_cumsum_metric", *question) == wanted


def test_an_old_newest_figure_is_found_in_a_short_day(world: World) -> None:
    """A session may call the last hour of a day another day's: it is in the day all the same."""
    day, zone = next(
        (day, zone)
        for zone in ("Europe/Paris", "America/New_York")
        for day in map(days_ago, range(3, 355))
        if (day.astimezone(ZoneInfo(zone)) + DAY).astimezone(timezone.utc) - day < DAY
    )
    newest = day + 23 * HOUR + 30 * MINUTE
    for instant in (day - 2 * DAY, day + 5 * HOUR, newest):
        world.put_supply("mainnet", instant, total=9, excluded=1, tokens=1, fees=1)
    # Behind the newest minute nothing is rolled up.
    world.put("locked_tokens", "mainnet", days_ago(2))
    world.settle()
    if world.engine == "timescaledb":
        roll_up_all(world)
    world.connection.execute("SELECT set_config('TimeZone', %s, false)", (zone,))
    found = world.connection.execute(
        "SELECT start FROM internal.latest_token_bucket('mainnet', true)"
    ).fetchall()
    assert found == [(newest,)]


def test_a_job_in_another_time_zone_leaves_out_no_day(
    timescaledb_database: ScratchDatabase,
) -> None:
    with psycopg.connect(timescaledb_database.url, autocommit=True) as connection:
        world = World(connection, "timescaledb")
        connection.execute("SET TimeZone = 'Europe/Paris'")
        first, days = datetime(2025, 1, 1, tzinfo=timezone.utc), 300
        for number in range(days):
            world.put("sent", "cumsum", first + number * DAY + number % 24 * HOUR)
        world.settle()
        roll_up_all(world)
        (whole,) = connection.execute(
            "SELECT internal.rolled_up('cumsum.all_metrics_day') @> tstzrange(%s, %s)",
            (first, first + days * DAY),
        ).fetchone() or (None,)
    assert whole
