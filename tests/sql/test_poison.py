"""What comes to staging and cannot be right: counted, and of no consequence for anything else."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.inventory import Inventory
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.settings import ROOT
from tests.fix_postgres import ScratchDatabase
from tests.fuzz.remote_write import REASONS
from tests.rows import stored, tag

PAGE = (ROOT / "docs" / "reference" / "staging.md").read_text(encoding="utf-8")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(timezone.utc).replace(second=0, microsecond=0) - 5 * MINUTE
Row = Sequence[Any]
TOTAL = "manifest_tokenomics_total_supply"
NUMBERS = ("n/a", "1e999999", "-5", " 12 ", "9" * 10_000, "NaN", "Infinity", "", "0x10", "1_000",
           "\u0661\u0662", "\uff11", "1,5", "1e5", "--1", "12\n", "\u00b2", ".", "+")  # fmt: skip


@pytest.fixture(autouse=True)
def fresh_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of all tests may last longer than a row is young."""
    now = datetime.now(timezone.utc).replace(second=0, microsecond=0) - 5 * MINUTE
    monkeypatch.setattr(sys.modules[__name__], "NOW", now)


def send(database: ScratchDatabase, rows: Sequence[Row], source: str = "internal") -> None:
    with database.connection() as connection:
        copy(connection, f"staging_{source}.prometheus_remote_write", rows)


def send_tags(database: ScratchDatabase, bags: dict[int, dict[str, str]]) -> None:
    with database.connection() as connection:
        copy(
            connection,
            "staging_internal.prometheus_remote_write_tag",
            [(number, Jsonb(bag)) for number, bag in bags.items()],
        )


def copy(connection: psycopg.Connection[Any], table: str, rows: Sequence[Row]) -> None:
    name = sql.Identifier(*table.split("."))
    with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(name)) as sink:
        for row in rows:
            sink.write_row(row)


def refused(database: ScratchDatabase, source: str = "internal") -> dict[str, int]:
    return Inventory(database).refused(source)


def ask(database: ScratchDatabase, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
    with database.connection() as connection:
        return connection.execute(statement.encode(), arguments).fetchall()


def change(database: ScratchDatabase, statement: str) -> None:
    with database.connection() as connection:
        connection.execute(statement.encode())


def refresh_all(database: ScratchDatabase) -> None:
    """Refresh the last day, hours and days with it, as a person does."""
    start = NOW.replace(hour=0, minute=0) - 2 * DAY
    for schema, name, _ in AGGREGATES:
        Aggregates(database).refresh(
            f"{schema}.{name}", Window(start, NOW + MINUTE), only_changed=False
        )


def chunks(database: ScratchDatabase) -> int:
    if database.engine() == "postgresql":
        return 0
    ((count,),) = ask(database, "SELECT count(*) FROM timescaledb_information.chunks")
    return int(count)


@pytest.fixture
def good(database: ScratchDatabase) -> Iterator[ScratchDatabase]:
    """Lend a database with some live rows, and prove that it still takes such ones after all."""
    tag(database, {1: {"instance": "good"}})
    send(database, [(NOW - MINUTE, 1, "up", "common", 1)])
    send(database, [(NOW - MINUTE, 1, "web_requests", "cumsum", 7)], "cumsum")
    yield database
    send(database, [(NOW, 1, "up", "common", 2)])
    send(database, [(NOW, 1, "web_requests", "cumsum", 8)], "cumsum")
    for source, name in (("internal", "up"), ("cumsum", "web_requests")):
        rows = stored(database, f"{source}.prometheus_remote_write")
        assert [row[0] for row in rows if row[1:3] == (1, name)][-2:] == [NOW - MINUTE, NOW]
        assert stored(database, f"staging_{source}.prometheus_remote_write") == []
        assert stored(database, f"staging_{source}.prometheus_remote_write_tag") == []


def test_no_ancient_week_opens_a_chunk_or_asks_for_a_refresh(good: ScratchDatabase) -> None:
    before = chunks(good)
    weeks = [NOW - n * 7 * DAY - HOUR for n in range(1, 2_500)]
    ages: list[Any] = [*weeks, "1900-01-01 00:00:00+00", "4713-01-01 00:00:00+00 BC", "-infinity"]
    for source, schema in (("internal", "common"), ("cumsum", "cumsum")):
        name = {"internal": "up", "cumsum": "web_requests"}[source]
        kept = stored(good, f"{source}.prometheus_remote_write")
        send(good, [(at, 1, name, schema, 10**6) for at in ages], source)
        assert stored(good, f"{source}.prometheus_remote_write") == kept
        assert refused(good, source) == {"too old": len(ages)}
    assert chunks(good) == before
    assert stored(good, "internal.aggregate_change") == []


def test_the_border_of_a_week_is_exact(good: ScratchDatabase) -> None:
    now = datetime.now(timezone.utc)
    times = [now - 7 * DAY - MINUTE, now - 7 * DAY + MINUTE]
    send(good, [(at, 1, "up", "common", 1) for at in times])

    assert refused(good) == {"too old": 1}
    assert times[1] in [row[0] for row in stored(good, "internal.prometheus_remote_write")]


def test_a_row_of_the_future_is_no_beginning_and_no_news(good: ScratchDatabase) -> None:
    inventory = Inventory(good)
    before = (chunks(good), inventory.live_mark(), [each.newest for each in inventory.stored()])
    now = datetime.now(timezone.utc)
    far: list[Any] = [now + 11 * MINUTE, now + HOUR, now + 3650 * DAY, "294276-12-31", "infinity"]
    for source, schema in (("internal", "common"), ("cumsum", "cumsum")):
        names = ("up", "web_requests", "new_metric", TOTAL)
        rows = [(at, 1, name, schema, 10**9) for at in far for name in names]
        send(good, rows, source)
        assert refused(good, source) == {"in the future": len(rows)}

    assert {row[0] for row in stored(good, "internal.live_start")} == {"up", "web_requests"}
    assert stored(good, "internal.aggregate_change") == []
    after = (chunks(good), inventory.live_mark(), [each.newest for each in inventory.stored()])
    assert after == before


def test_a_clock_may_be_minutes_ahead(good: ScratchDatabase) -> None:
    ahead = datetime.now(timezone.utc) + 8 * MINUTE
    send(good, [(ahead, 1, "early", "common", 1)])
    send(good, [(NOW, 1, "early", "common", 1)])

    assert refused(good) == {}
    # What came ahead of its time moves no beginning for longer than that.
    assert ("early", "common", NOW) in stored(good, "internal.live_start")


def test_labels_that_are_no_numbers_are_no_amounts(good: ScratchDatabase) -> None:
    labels = {
        n: {label: text}
        for n, (label, text) in enumerate(
            (
                (label, text)
                for label in ("supply", "excluded_supply", "amount")
                for text in NUMBERS
            ),
            start=10,
        )
    }
    send_tags(good, labels)
    send(good, [(NOW, n, f"{TOTAL}", "mainnet", 41 if n % 2 else 42) for n in labels])
    send(good, [(NOW, n, "negative", "mainnet", 1) for n in labels if "-5" in labels[n].values()])
    refresh_all(good)

    # "-5" is a number, and the largest one; digits of other scripts are none.
    amounts = ask(good, "SELECT name, value FROM internal.prometheus_mainnet_1m")
    assert dict(amounts) == {TOTAL: Decimal(-5), "negative": Decimal(-5)}
    assert refused(good) == {}


def test_no_label_keeps_positions_from_being_refreshed(good: ScratchDatabase) -> None:
    noise = random.Random(4)
    long = {n: "".join(noise.choices("abcdefghijklmnop\u20ac", k=9_000)) for n in (20, 21)}
    bags = {
        n: {"instance": text, "city": "c" * 20_000, "country_name": text}
        for n, text in long.items()
    }
    send_tags(good, {**bags, 22: {"instance": "short", "city": "Lyon"}})
    send(
        good,
        [
            (NOW - age * MINUTE, n, f"manifest_geo_{part}", "geo", value)
            for n in (20, 21, 22)
            for age in (2, 70)
            for part, value in (("latitude", n), ("longitude", -n))
        ],
    )
    refresh_all(good)

    found = ask(good, "SELECT latitude, city FROM api.get_latest_geo_coordinates()")
    assert [row[0] for row in sorted(found)] == [20, 21, 22], "long ones are kept apart"
    assert max(len(row[1]) for row in found) < 512
    kept = {row[0]: row[-1] for row in stored(good, "internal.prometheus_remote_write_tag")}
    assert kept[20]["instance"] == long[20], "the label itself is whole"


def test_what_is_no_position_does_not_hide_the_last_one(good: ScratchDatabase) -> None:
    send_tags(good, {n: {"instance": str(n)} for n in (30, 31, 32)})
    rows: list[Row] = [
        (NOW - 90 * MINUTE, 30, "manifest_geo_latitude", "geo", 45),
        (NOW - 90 * MINUTE, 30, "manifest_geo_longitude", "geo", -180),
        (NOW - 2 * MINUTE, 30, "manifest_geo_latitude", "geo", "1.7976931348623157e308"),
        (NOW - 2 * MINUTE, 30, "manifest_geo_longitude", "geo", "-180.001"),
        (NOW - 2 * MINUTE, 31, "manifest_geo_latitude", "geo", "90.5"),
        (NOW - 2 * MINUTE, 31, "manifest_geo_longitude", "geo", 5),
        (NOW - 2 * MINUTE, 32, "manifest_geo_latitude", "geo", "NaN"),
        (NOW - 2 * MINUTE, 32, "manifest_geo_longitude", "geo", 5),
    ]
    send(good, rows)
    refresh_all(good)

    found = ask(good, "SELECT latitude, longitude FROM api.get_latest_geo_coordinates()")
    assert found == [(45.0, -180.0)]
    assert refused(good) == {"not finite": 1}


def test_enormous_and_negative_increments_are_added_up(good: ScratchDatabase) -> None:
    values = ("1.7976931348623157e308", "1e308", "-3e308", "5e-324", "-7")
    sound = [(NOW - n * MINUTE, 1, "system_tcp_sent", "cumsum", v) for n, v in enumerate(values, 2)]
    wrong = [
        (NOW, 1, "system_tcp_sent", "cumsum", v) for v in ("1e309", "-1e131071", "." + "3" * 401)
    ]
    send(good, [*sound, *wrong], "cumsum")
    refresh_all(good)

    assert refused(good, "cumsum") == {"value too long": len(wrong)}
    total = sum(Decimal(v) for v in values)
    ((found,),) = ask(
        good,
        'SELECT "value" FROM api.get_all_latest_cumsum_metrics()'
        " WHERE table_name = 'system_tcp_sent'",
    )
    assert abs(Decimal(found) - total) < Decimal("1e285")


def test_names_are_limited_but_for_those_that_are_known(good: ScratchDatabase) -> None:
    change(good, "UPDATE internal.staging_limit SET most_names = 5")
    change(
        good,
        "INSERT INTO internal.backfill_ledger (rule_group, rule, record, step, window_start,"
        " window_end, series, rows_source, rows_written, rows_present, samples_dropped)"
        " SELECT 'g', 'r', 'Planned', interval '1 hour', now() - interval '1 day', now()"
        " - interval '23 hours', 1, 1, 1, 0, 0",
    )
    flood = [(NOW, 1, f"flood_{n:06}", "common", 1) for n in range(3_000)]
    send(good, [*flood, (NOW, 1, "planned", "common", 1)])
    send(good, flood)

    assert refused(good) == {"too many names": 2 * (3_000 - 3)}
    names = {row[2] for row in stored(good, "internal.prometheus_remote_write")}
    assert names == {"up", "planned", "flood_000000", "flood_000001", "flood_000002"}
    assert len(stored(good, "internal.live_start")) == 6


def test_names_beyond_the_limit_are_not_looked_up_one_by_one(good: ScratchDatabase) -> None:
    change(good, "UPDATE internal.staging_limit SET most_names = 5")
    change(
        good,
        "INSERT INTO internal.backfill_ledger (rule_group, rule, record, step, window_start,"
        " window_end, series, rows_source, rows_written, rows_present, samples_dropped)"
        " SELECT 'g', 'r' || n % 9, 'planned_' || n % 9, interval '1 hour',"
        " now() - n * interval '1 day', now() - n * interval '1 day' + interval '1 hour',"
        " 1, 1, 1, 0, 0 FROM generate_series(10, 5000) AS n",
    )
    change(good, "ANALYZE")
    with good.connection() as connection:
        # Too late to ask what covers them, as is done for each name.
        flood = [(NOW - HOUR, 1, f"flood_{n:06}", "common", 1) for n in range(1_000)]
        copy(connection, "staging_internal.prometheus_remote_write", flood)
        ((looks,),) = connection.execute(
            "SELECT sum(pg_stat_get_xact_numscans(o)) FROM (SELECT indexrelid FROM pg_index"
            " WHERE indrelid = 'internal.backfill_ledger'::regclass"
            " UNION ALL SELECT 'internal.backfill_ledger'::regclass) AS s (o)"
        ).fetchall()

    assert refused(good) == {"too many names": 1_000 - 3}
    assert looks < 10


def test_series_are_limited_but_for_those_that_are_known(good: ScratchDatabase) -> None:
    change(good, "UPDATE internal.staging_limit SET most_series = 100")
    send_tags(good, {n: {"n": str(n)} for n in range(100, 250)})
    # As autovacuum does within a minute.
    with psycopg.connect(good.url, autocommit=True) as connection:
        connection.execute("ANALYZE internal.prometheus_remote_write_tag")
    send_tags(good, {n: {"n": str(n)} for n in (200, 300)})
    send(good, [(NOW, n, "up", "common", 1) for n in (200, 300, 301)])

    assert refused(good) == {"too many series": 2}
    assert len(stored(good, "internal.prometheus_remote_write_tag")) == 151
    assert stored(good, "internal.orphan_tag") == []


def test_labels_that_are_too_large_are_counted(good: ScratchDatabase) -> None:
    send_tags(
        good, {40: {"a": "x" * 70_000}, 41: {f"l{n}": "" for n in range(9_000)}, 42: {"a": ""}}
    )

    assert refused(good) == {"labels too large": 2}
    assert {row[0] for row in stored(good, "internal.prometheus_remote_write_tag")} == {1, 42}


def test_what_telegraf_refused_has_a_closed_list_of_names(good: ScratchDatabase) -> None:
    rows = [(NOW, -3750763034362895579, name, "refused by telegraf", 0)
            for name in ("no time", "no time", "made up", "labels too large")]  # fmt: skip
    send(good, rows)
    send(good, rows[:1])

    assert refused(good) == {"no time": 3, "incomplete": 1, "labels too large": 1}


@pytest.mark.parametrize("text", ["abc", "NaN", "-5", "1e999999", "", " ", "9" * 200, "0x1"])
def test_no_setting_of_a_client_stops_its_batches(good: ScratchDatabase, text: str) -> None:
    table = "staging_internal.prometheus_remote_write"
    with psycopg.connect(good.url, autocommit=True) as connection:
        connection.execute("SELECT set_config('promtsdb.duplicates_until', %s, false)", [text])
        for setting in ("TimeZone = 'Asia/Kathmandu'", "search_path = pg_temp", "DateStyle = 'SQL'",
                        "IntervalStyle = sql_standard", "enable_seqscan = off", "work_mem = '64kB'",
                        "plan_cache_mode = force_generic_plan",
                        "standard_conforming_strings = off"):  # fmt: skip
            connection.execute(f"SET {setting}".encode())
        # A function of the client's own under the name of one that is used.
        connection.execute(
            "CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql"
            " RETURN 'epoch'::timestamptz"
        )
        for _ in range(2):
            copy(connection, table, [(NOW - 2 * MINUTE, 1, "up", "common", 3)])

    assert refused(good) == {}


def test_a_row_that_comes_again_and_again_leaves_no_room_taken(good: ScratchDatabase) -> None:
    table = "staging_internal.prometheus_remote_write"
    batch = [(NOW - 3 * MINUTE, 1, "up", "common", 3)] * 1_000
    with psycopg.connect(good.url, autocommit=True) as connection:
        for _ in range(100):
            copy(connection, table, batch)
        connection.execute(f"VACUUM {table}".encode())
        row = connection.execute("SELECT pg_relation_size(%s::regclass)", [table]).fetchone()
    assert row is not None
    assert row[0] == 0
    assert len(stored(good, "internal.prometheus_remote_write")) == 2


def test_the_page_lists_every_reason_and_every_limit(database: ScratchDatabase) -> None:
    written = set(re.findall(r"^\| `([A-Za-z ]+)` \|", PAGE, re.MULTILINE))
    [[bodies]] = ask(
        database,
        "SELECT string_agg(prosrc, '') FROM pg_proc"
        " WHERE proname IN ('judge_staged_rows', 'move_staged_tags')",
    )
    used = set(re.findall(r"THEN\s+'([^']+)'", bodies))
    [listed] = re.findall(r"name IN \(([^)]*)\)", bodies)
    assert written - {"late", "early"} == used | set(re.findall(r"'([^']+)'", listed))
    assert written - {"late", "early"} == REASONS

    defaults = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \|$", PAGE, re.MULTILINE))
    [row] = ask(database, "SELECT to_jsonb(l) - 'one' FROM internal.staging_limit l")
    assert {name: str(value) for name, value in row[0].items()} == defaults
