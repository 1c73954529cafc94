"""Every engine gives the same answers, and those of a second reckoning."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Context, Decimal, localcontext
from typing import Any

import psycopg
import pytest

from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from tests.fix_pglite import OneConnection
from tests.fix_postgres import SQL_DIR, ScratchDatabase
from tests.sql.world import DAY, EXCLUDED, HOUR, MINUTE, PRICE, TOTAL, World, days_ago, minutes_ago

START = days_ago(45)
RECENT = minutes_ago(50)
TOKENS = (TOTAL, EXCLUDED, "locked_tokens", "locked_fees", "total_mfx_burned")
LABEL = {TOTAL: "supply", EXCLUDED: "excluded_supply"}
CUMULATIVE = ("web_requests", "system_tcp_sent")
JUNK = ("", "NaN", "1e3", "twelve", "12 ", "-", "9" * 5000)
CITIES = ("Lyon", "Montréal", "", "São Paulo")


def fill(world: World, seed: int) -> None:
    """Put gauges with gaps, ties, junk labels and amounts past 2^53; totals; moving places."""
    seeded = random.Random(seed)
    instants = [START + minute * MINUTE for minute in sorted(seeded.sample(range(4000), 220))]
    instants += [RECENT + minute * MINUTE for minute in range(0, 40, 3)]
    for at in instants:
        for tier in ("mainnet", "testnet"):
            for name in TOKENS:
                if seeded.random() < 0.3:
                    continue
                amount = str(seeded.randrange(10**21))
                if seeded.random() < 0.2:
                    amount = seeded.choice(JUNK)
                for instance in seeded.sample(("a", "b", "c"), seeded.randint(1, 2)):
                    labels = {LABEL.get(name, "amount"): amount, "instance": instance}
                    # The last sample counts where no label is a number: equal instants tie.
                    world.put(name, tier, at, round(seeded.uniform(0, 9), 3), **labels)
        if seeded.random() < 0.6:
            world.put(PRICE, "common", at, round(seeded.uniform(0.1, 0.9), 4))
        world.put("node_count", "common", at, seeded.randrange(100))
        for name in CUMULATIVE:
            world.put(name, "cumsum", at, round(seeded.uniform(0, 1e6), 2))
        for instance in seeded.sample(("a:1", "b:1", "c:1"), 2):
            place = {"instance": instance, "city": seeded.choice(CITIES)}
            world.put("manifest_geo_latitude", "geo", at, seeded.randrange(90), instance=instance)
            world.put("manifest_geo_longitude", "geo", at, seeded.randrange(90), instance=instance)
            world.put("manifest_geo_metadata", "geo", at, 1, country_name="X", **place)


def questions() -> Iterator[tuple[Any, ...]]:
    """Return calls of every reading function, over aligned and odd ranges."""
    end = datetime.now(RECENT.tzinfo) + HOUR
    odd = START + 17 * HOUR + 13 * MINUTE
    ranges = [
        ("1 minute", odd, odd + 7 * DAY),
        ("15 minutes", START, START + 3 * DAY),
        ("7 hours", odd, end),
        ("1 day", START, end),
        ("7 days", START - 100 * DAY, end),
        ("1 month", odd, end),
        ("1000 years", START, end),
    ]
    for span in ranges:
        for tier in ("mainnet", "testnet"):
            for name in TOKENS:
                yield ("get_agg_metric", name, tier, *span)
            for what in ("circulating_supply", "burned_supply", "fdv", "market_cap"):
                yield (f"get_agg_{what}", tier, *span)
        yield ("get_agg_metric", "node_count", "common", *span)
        for name in CUMULATIVE:
            yield ("get_agg_cumsum_metric", name, "cumsum", *span)
    for schema in ("mainnet", "testnet", "common", "cumsum", "geo"):
        for coarse in ranges[2:]:
            yield ("get_coverage", schema, *coarse)
    for tier in ("mainnet", "testnet"):
        for what in ("circulating_supply", "burned_supply", "fdv", "market_cap"):
            yield (f"get_latest_{what}", tier)
        yield ("get_all_latest_token_metrics", tier)
    for schema in ("mainnet", "testnet", "common", "cumsum"):
        yield (f"get_all_latest_{schema}_metrics",)
    yield ("get_latest_mainnet_circulating_supply_value",)
    yield ("get_latest_mainnet_total_supply_value",)
    yield ("get_latest_geo_coordinates",)


def answers(world: World, asked: list[tuple[Any, ...]]) -> dict[tuple[Any, ...], Any]:
    """Return what each question is answered with; none may have nothing to say."""
    found = {question: world.ask(*question) for question in asked}
    assert [question for question, rows in found.items() if not rows] == []
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_plain_and_timescaledb_answer_alike(
    seed: int, plain_database: ScratchDatabase, timescaledb_database: ScratchDatabase
) -> None:
    asked = list(questions())
    both = []
    for database in (plain_database, timescaledb_database):
        with psycopg.connect(database.url, autocommit=True) as connection:
            world = World(connection, database.engine())
            fill(world, seed)
            world.settle()
            both.append(answers(world, asked))
    assert both[0] == both[1]


def test_plain_and_webassembly_answer_alike(
    plain_database: ScratchDatabase, pglite: OneConnection
) -> None:
    asked = list(questions())
    Migrator(pglite, load_migrations(SQL_DIR)).up()
    both = []
    for database in (plain_database, pglite):
        with database.connection(autocommit=True) as connection:
            world = World(connection, database.engine())
            fill(world, 4)
            world.settle()
            both.append(answers(world, asked))
    assert both[0] == both[1]


def test_answers_are_those_of_a_second_reckoning(
    plain_database: ScratchDatabase,
) -> None:
    """Reckon series again in Python, from the raw rows, without any of the SQL."""
    with (
        localcontext(Context(prec=200)),
        psycopg.connect(plain_database.url, autocommit=True) as connection,
    ):
        world = World(connection, "postgresql")
        fill(world, 5)
        rows, tags = list(world.rows), dict(world.tags)
        world.settle()
        begin, end = START + 17 * HOUR + 13 * MINUTE, START + 2 * DAY
        largest = amounts(rows, tags, begin, end, HOUR)
        supply, market_cap = [], []
        for start in sorted({start for _, _, start in largest}):
            total = largest.get((TOTAL, "mainnet", start))
            if total is None:
                continue
            for name in (EXCLUDED, "locked_tokens", "locked_fees"):
                total -= largest.get((name, "mainnet", start), Decimal(0))
            price = largest.get((PRICE, "common", start), Decimal(0))
            supply.append((max(start, begin), plain(total)))
            market_cap.append((max(start, begin), plain(total * price)))
        assert world.ask("get_agg_circulating_supply", "mainnet", HOUR, begin, end) == supply
        assert world.ask("get_agg_market_cap", "mainnet", HOUR, begin, end) == market_cap

        total, running = Decimal(0), {}
        for at, _, name, _, value in rows:
            if name == "web_requests" and at < end:
                total += value
                if at >= begin:
                    running[max(at - (at - START) % HOUR, begin)] = plain(total)
        answer = world.ask("get_agg_cumsum_metric", "web_requests", "cumsum", HOUR, begin, end)
        assert answer == sorted(running.items())


def amounts(
    rows: list[tuple[datetime, int, str, str, Decimal]],
    tags: dict[int, dict[str, str]],
    begin: datetime,
    end: datetime,
    step: Any,
) -> dict[tuple[str, str, datetime], Decimal]:
    """Return the largest amount of each metric in each step."""
    minutes = defaultdict(list)
    for at, tag, name, schema, value in rows:
        if begin <= at < end:
            minutes[name, schema, at].append((value, tags[tag]))
    largest: dict[tuple[str, str, datetime], Decimal] = {}
    for (name, schema, at), samples in minutes.items():
        amount = None
        for label in ("supply", "excluded_supply", "amount"):
            numbers = [Decimal(t[label]) for _, t in samples if t.get(label, "").isdigit()]
            # The project takes labels of at most 256 characters for numbers.
            numbers = [number for number in numbers if len(str(number)) <= 256]
            if amount is None and numbers:
                amount = max(numbers)
        if amount is None:
            amount = max(value for value, _ in samples)
        key = (name, schema, at - (at - START) % step)
        largest[key] = max(largest.get(key, amount), amount)
    return largest


def plain(number: Decimal) -> str:
    """Return a number without exponent and without trailing zeros after the point."""
    text = format(number + 0, "f")  # never -0
    return text.rstrip("0").rstrip(".") if "." in text else text
