"""What a bucket holds, worked out by hand and by a second reckoning, equal on every engine."""

from __future__ import annotations

import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.core.windows import Window
from tests.fix_pglite import OneConnection
from tests.fix_postgres import SQL_DIR, Cluster, ScratchDatabase
from tests.rows import Row, put, stored, tag

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
NOON = datetime.now(timezone.utc).replace(hour=12, minute=0, second=0, microsecond=0) - 2 * DAY
AROUND = Window(NOON - DAY, NOON + DAY)
NAMES = [f"{schema}.{name}" for schema, name, _ in AGGREGATES]
MAINNET = "internal.prometheus_mainnet_1m"

NUMBERS = {
    "0": 0,
    "-12.50": Decimal("-12.50"),
    "+7": 7,
    ".5": Decimal("0.5"),
    "5.": 5,
    "115792089237316195423570985008687907853269984665640564039457584007913129639935": 2**256 - 1,
}
NO_NUMBERS = [
    *("", " ", "1 ", " 1", "abc", "NaN", "Infinity", "-inf", "1e5", "0x10", "1_000", "1,5", "."),
    *("-", "+-1", "1.2.3", "٣", "1\n", "12\nx", "9" * 10_000, "x" * 10_000, "💰"),
]


@pytest.mark.parametrize("label", NUMBERS)
def test_plain_numbers_are_amounts(plain_database: ScratchDatabase, label: str) -> None:
    with plain_database.connection() as connection:
        row = connection.execute("SELECT internal.amount(%s)", [label]).fetchone()
    assert row == (NUMBERS[label],)


def test_whatever_else_a_label_is_it_is_no_amount(database: ScratchDatabase) -> None:
    with database.connection() as connection:
        rows = connection.execute(
            "SELECT label FROM unnest(%s::text[]) AS label"
            " WHERE internal.amount(label) IS NOT NULL",
            [NO_NUMBERS],
        ).fetchall()
    assert rows == []


def test_poison_labels_stop_no_refresh(database: ScratchDatabase) -> None:
    tag(
        database,
        {i: {key: bad} for i, bad in enumerate(NO_NUMBERS) for key in ("supply", "amount")},
    )
    put(database, [(NOON, i, f"m{i}", "mainnet", i) for i in range(len(NO_NUMBERS))])
    for name in NAMES:
        Aggregates(database).refresh(name, AROUND)

    assert {row[1]: row[2] for row in stored(database, MAINNET)} == {
        f"m{i}": i for i in range(len(NO_NUMBERS))
    }


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ([{"supply": "5", "excluded_supply": "9", "amount": "9"}], 5),
        ([{"excluded_supply": "5", "amount": "9"}], 5),
        ([{"amount": "5"}], 5),
        ([{}], 1),
        ([{"supply": "5"}, {"supply": "12345678901234567890123"}], 12345678901234567890123),
        ([{"amount": "99"}, {"supply": "5"}], 5),
        ([{"supply": "no number", "amount": "7"}], 7),
        ([{"supply": "no number"}], 1),
    ],
)
def test_which_label_is_the_amount(
    database: ScratchDatabase, labels: list[dict[str, str]], wanted: int
) -> None:
    tag(database, dict(enumerate(labels)))
    put(database, [(NOON, i, "locked_tokens", "mainnet", 1) for i in range(len(labels))])
    for name in (MAINNET, "internal.cagg_calculated_metric"):
        Aggregates(database).refresh(name, AROUND)
        assert [row[-1] for row in stored(database, name)] == [wanted]


def test_the_last_sample_is_the_newest_then_the_largest(database: ScratchDatabase) -> None:
    tag(database, {i: {} for i in range(4)})
    samples = [(0, 9, 0), (30, 4, 1), (30, 5, 2), (30, 3, 3), (60, 8, 0)]
    put(database, [(NOON + s * SECOND, i, "up", "mainnet", value) for s, value, i in samples])
    Aggregates(database).refresh(MAINNET, AROUND)

    assert [row[2] for row in stored(database, MAINNET)] == [5, 8]


def test_increments_are_added_up_exactly(database: ScratchDatabase) -> None:
    values = ["0.1", "0.2", "135304300855652060000"]
    put(
        database,
        [(NOON + i * SECOND, i, "web_requests", "cumsum", v) for i, v in enumerate(values)],
        "cumsum",
    )
    Aggregates(database).refresh("cumsum.all_metrics_minute", AROUND)

    assert stored(database, "cumsum.all_metrics_minute") == [
        (NOON, "web_requests", "cumsum", Decimal("135304300855652060000.3"))
    ]


def test_the_position_is_the_last_of_each_part(database: ScratchDatabase) -> None:
    home = {"instance": "a", "country_name": "France", "city": "Paris"}
    moved = {"instance": "a", "country_name": "Italy", "city": "Rome"}
    tag(database, {1: {"instance": "a"}, 2: home, 3: moved, 4: {}})
    put(
        database,
        [
            (NOON, 1, "manifest_geo_latitude", "geo", "48.85"),
            (NOON + 30 * SECOND, 1, "manifest_geo_latitude", "geo", "41.90"),
            (NOON, 1, "manifest_geo_longitude", "geo", "2.35"),
            (NOON + 30 * SECOND, 3, "manifest_geo_metadata", "geo", 1),
            (NOON, 2, "manifest_geo_metadata", "geo", 1),
            (NOON, 4, "manifest_geo_latitude", "geo", "1"),
        ],
    )
    Aggregates(database).refresh("geo.latest_coords", AROUND)

    assert stored(database, "geo.latest_coords") == [
        (NOON, "a", Decimal("41.90"), Decimal("2.35"), "Italy", "Rome"),
        (NOON, None, Decimal(1), None, None, None),
    ]


def test_one_aggregate_shows_what_is_not_refreshed_yet(database: ScratchDatabase) -> None:
    tag(database, {1: {}})
    names = ["locked_tokens", "locked_fees", "something_else"]
    put(database, [(NOON, 1, name, "mainnet", 1) for name in names])
    for name in NAMES:
        Aggregates(database).refresh(name, Window(NOON, NOON + 60 * SECOND))
    put(database, [(NOON + 60 * SECOND, 1, name, "mainnet", 2) for name in names])

    shown = stored(database, "internal.cagg_calculated_metric")
    assert [(row[1], row[3]) for row in shown] == [
        ("locked_fees", 1),
        ("locked_tokens", 1),
        ("locked_fees", 2),
        ("locked_tokens", 2),
    ]
    assert {row[2] for row in stored(database, MAINNET)} == {Decimal(1)}


def random_world(seed: int) -> tuple[dict[int, dict[str, str]], list[Row], list[Row]]:
    """Return tags, gauges and increments: few minutes, many ties, labels of every kind."""
    chance = random.Random(seed)
    keys = ("supply", "excluded_supply", "amount", "instance", "city", "country_name")
    texts = ("1", "2.50", "007", "-3", "nonsense", "1e9", "", "Zürich", "9" * 40)
    tags = {
        i: {key: chance.choice(texts) for key in keys if chance.random() < 0.4} for i in range(30)
    }
    names = {
        "mainnet": ("locked_tokens", "locked_fees", "node_count"),
        "testnet": ("locked_tokens", "kube_pods"),
        "common": ("talib_mfx_power_conversion", "web_sites"),
        "geo": ("manifest_geo_latitude", "manifest_geo_longitude", "manifest_geo_metadata"),
    }
    gauges = {}
    for _ in range(3000):
        schema = chance.choice(list(names))
        key = (
            NOON + chance.randrange(0, 1200, 15) * SECOND + chance.choice((0, 1)) * SECOND / 8,
            # Some series have no tags: they are in no aggregate.
            chance.randrange(33),
            chance.choice(names[schema]),
            schema,
        )
        gauges[key] = Decimal(chance.choice(("1", "2", "0.125", "-7", "135304300855652060000")))
    increments = {
        (NOON + i * 10 * SECOND, k, "web_requests", "cumsum"): Decimal(chance.randrange(99)) / 8
        for i in range(100)
        for k in range(3)
    }
    return tags, [(*k, v) for k, v in gauges.items()], [(*k, v) for k, v in increments.items()]


def number(text: str | None) -> Decimal | None:
    try:
        return None if text is None or "e" in text else Decimal(text)
    except InvalidOperation:
        return None


def reckoned(tags: dict[int, dict[str, str]], rows: list[Row]) -> dict[tuple[Any, ...], Decimal]:
    """Return the amount of each (bucket, name, schema), reckoned without any of the SQL."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row[1] in tags:
            groups[row[0].replace(second=0, microsecond=0), row[2], row[3]].append(row)
    amounts = {}
    for key, members in groups.items():
        for label in ("supply", "excluded_supply", "amount"):
            found = [number(tags[row[1]].get(label)) for row in members]
            if numbers := [amount for amount in found if amount is not None]:
                amounts[key] = max(numbers)
                break
        else:
            amounts[key] = max(members, key=lambda row: (row[0], row[4]))[4]
    return amounts


@pytest.fixture
def engines(
    plain_database: ScratchDatabase, request: pytest.FixtureRequest, pglite: OneConnection
) -> dict[str, ScratchDatabase]:
    """Lend the same schema on plain PostgreSQL, and on TimescaleDB wherever it runs."""
    Migrator(pglite, load_migrations(SQL_DIR)).up()
    found = {"postgresql": plain_database, "webassembly": pglite}
    with suppress(pytest.skip.Exception):
        found["timescaledb"] = request.getfixturevalue("timescaledb_database")
    return found


@pytest.mark.parametrize("seed", range(3))
def test_every_engine_reckons_the_same(engines: dict[str, ScratchDatabase], seed: int) -> None:
    tags, gauges, increments = random_world(seed)
    found: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
    for engine, database in engines.items():
        tag(database, tags)
        put(database, gauges)
        put(database, increments, "cumsum")
        # A real-time aggregate shows more than was refreshed.
        early = {"internal.cagg_calculated_metric": stored(database, NAMES[1])}
        reports = [Aggregates(database).refresh(name, AROUND) for name in NAMES]
        tables = {name: stored(database, name) for name in NAMES}
        assert early[NAMES[1]] == tables[NAMES[1]]
        assert [report.buckets for report in reports] == [len(tables[name]) for name in NAMES]
        found[engine] = tables

    assert found["webassembly"] == found["postgresql"]
    assert found.get("timescaledb", found["postgresql"]) == found["postgresql"]
    amounts = reckoned(tags, gauges)
    for schema in ("mainnet", "testnet", "common"):
        assert {
            (r[0], r[1]): r[2] for r in found["postgresql"][f"internal.prometheus_{schema}_1m"]
        } == {key[:2]: amount for key, amount in amounts.items() if key[2] == schema}


def test_concurrent_refreshes_of_one_aggregate(cluster: Cluster, database: ScratchDatabase) -> None:
    """Each waits or tries again; none fails, none doubles a bucket."""
    tag(database, {1: {}})
    put(database, [(NOON + i * 60 * SECOND, 1, "up", "mainnet", i) for i in range(300)])

    def refresh(offset: int) -> int:
        with ScratchDatabase(database.url) as mine:
            start = NOON + offset * 1800 * SECOND
            return Aggregates(mine).refresh(MAINNET, Window(start, NOON + DAY)).buckets

    with ThreadPoolExecutor(4) as pool:
        # On TimescaleDB one may find that another has done all of it.
        assert max(pool.map(refresh, range(4))) == 300
    assert len(stored(database, MAINNET)) == 300
