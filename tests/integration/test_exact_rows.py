"""Every stored row is what Prometheus' own API returns for that rule at that instant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.rules import Rule
from promtsdb_dagster.core.windows import Window, instants
from tests.fix_postgres import ScratchDatabase
from tests.fix_prometheus import DAY, GROUPS, MIDNIGHT, NOW, ROUTING, History
from tests.foretelling import assert_true, dry_run

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
Row = tuple[datetime, str, str, frozenset[tuple[str, str]], Decimal]

STORED = """
    SELECT r.time, r.name, r.schema, t.labels, r.value
    FROM internal.prometheus_remote_write r JOIN internal.prometheus_remote_write_tag t
    USING (tag_id)
    UNION ALL
    SELECT r.time, r.name, r.schema, t.labels, r.value
    FROM cumsum.prometheus_remote_write r JOIN internal.prometheus_remote_write_tag t
    USING (tag_id)
"""


def stored(database: ScratchDatabase) -> list[Row]:
    with database.connection() as connection:
        rows = connection.execute(STORED).fetchall()
    return [(t, name, schema, frozenset(tags.items()), v) for t, name, schema, tags, v in rows]


def answered(client: httpx.Client, rule: Rule, instant: datetime) -> Iterator[Row]:
    """Ask for one rule at one instant, and read the answer without any code of the project."""
    parameters = {"query": rule.expr, "time": instant.timestamp()}
    answer = client.get("/api/v1/query", params=parameters).raise_for_status().json()
    for series in answer["data"]["result"]:
        labels = {k: v for k, v in series["metric"].items() if k != "__name__"}
        name = rule.record.lower()
        if name in ROUTING.geo:
            schema = "geo"
        elif name in ROUTING.cumulative:
            schema = "cumsum"
        else:
            tier = labels.get("manifest_tier")
            schema = tier if tier in ("mainnet", "testnet") else "common"
        tags = {"host": "telegraf", **labels, "tli_name": name}
        value = Decimal(repr(float(series["value"][1])))
        yield instant, name, schema, frozenset(tags.items()), value


@pytest.mark.parametrize(
    ("group", "window"),
    [
        ("backfill_1w", Window(MIDNIGHT - 25 * HOUR, MIDNIGHT - 19 * HOUR)),
        ("backfill_1y", Window(MIDNIGHT - 9 * 24 * HOUR, MIDNIGHT - 8 * 24 * HOUR)),
        ("backfill_forever", Window(MIDNIGHT - 9 * 24 * HOUR, MIDNIGHT - 7 * 24 * HOUR)),
        # After the last whole hour before now, so that running totals are counted by the minute.
        ("live", Window(MIDNIGHT + 10 * HOUR + 5 * MINUTE, MIDNIGHT + 10 * HOUR + 15 * MINUTE)),
    ],
)
def test_rows_equal_the_answers_of_the_api(
    history: History, plain_database: ScratchDatabase, group: str, window: Window
) -> None:
    report = history.backfill(plain_database).run(group, [window], now=NOW)
    assert report.error is None

    rules, step = GROUPS[group].rules, GROUPS[group].step
    with httpx.Client(base_url=history.url, timeout=60, trust_env=False) as client:
        expected = [
            row
            for rule in rules
            for instant in instants(window, step)
            for row in answered(client, rule, instant)
        ]

    assert Counter(stored(plain_database)) == Counter(expected)
    assert len(expected) > len(rules)


def test_what_today_has_so_far_is_filled_up_to_now(
    history: History, database: ScratchDatabase
) -> None:
    today = Window(MIDNIGHT, MIDNIGHT + 24 * HOUR)

    report = history.backfill(database).run("live", [today], now=NOW)

    assert report.error is None
    rows = stored(database)
    # 10:29 is the newest minute that is a minute old at 10:30:20.
    assert max(row[0] for row in rows) == MIDNIGHT + 10 * HOUR + timedelta(minutes=29)
    assert report.rows_written == len(rows)
    [partition] = report.partitions
    assert partition.windows[-1].end == MIDNIGHT + 10 * HOUR + timedelta(minutes=30)


def test_a_second_run_finds_its_windows_done(history: History, database: ScratchDatabase) -> None:
    backfill = history.backfill(database)
    days = history.days("backfill_1w")[:2]
    first = backfill.run("backfill_1w", days, now=NOW)
    before = stored(database)

    again = backfill.run("backfill_1w", days, now=NOW)
    rechecked = backfill.run("backfill_1w", days, now=NOW, recheck=True)

    assert first.rows_written == len(before)
    assert all(partition.found_done for partition in again.partitions)
    assert sum(partition.rows_present for partition in rechecked.partitions) == len(before)
    assert sum(partition.rows_written for partition in rechecked.partitions) == 0
    assert stored(database) == before


@pytest.mark.parametrize("group", ["backfill_forever", "backfill_1y", "backfill_1w", "live"])
def test_a_dry_run_foretells_every_row(
    history: History, plain_database: ScratchDatabase, group: str
) -> None:
    policy = Policy(history_start=MIDNIGHT - 20 * DAY)
    dry = dry_run(plain_database, history.source, GROUPS, ROUTING, policy)
    # The source has nothing of the first day, and the history starts after half of it.
    days = [Window(MIDNIGHT - 21 * DAY, MIDNIGHT - 19 * DAY), *history.days(group)]
    estimate = dry.fill(group, days, now=NOW)
    assert estimate.total(lambda part: part.report.rows_written) > 1_000
    assert_true(estimate, history.backfill(plain_database).run(group, days, now=NOW))
