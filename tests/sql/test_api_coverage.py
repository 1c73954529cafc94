"""What `get_coverage` tells of a world whose every hour is known."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sql.test_api_arguments import BAD_RANGES, GOOD, call, refusal
from tests.sql.world import DAY, HOUR, MINUTE, World, days_ago

REQUEST: dict[str, Any] = {"p_schema": "common", **GOOD}
NAME = "node_count"
START = days_ago(30)
LEDGER = (
    "INSERT INTO internal.backfill_ledger (rule_group, rule, record, step, window_start,"
    " window_end, series, rows_source, rows_written, rows_present, samples_dropped, verified_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, 1, 1, 1, 0, 0, CASE WHEN %s THEN now() END)"
)
GAP = (
    "INSERT INTO internal.live_gap (record, hour, missing, absent, attempts)"
    " VALUES (%s, %s, tstzmultirange(tstzrange(%s, %s)), '{}', 1)"
)


def note(
    world: World, first: Any, past: Any, *, step: Any = HOUR, record: str = NAME, ok: bool = True
) -> None:
    """Let the ledger say that a rule was asked for a window."""
    group = f"by {step}"
    world.connection.execute(LEDGER, (group, record, record, step, first, past, ok))


def told(world: World, *arguments: Any, name: str = NAME) -> dict[Any, tuple[Any, ...]]:
    """Return what is told of one metric, by day since START."""
    rows = world.ask("get_coverage", *arguments)
    assert [row[:2] for row in rows] == sorted(row[:2] for row in rows)
    return {(row[0] - START) / DAY: row[2:] for row in rows if row[1] == name}


@pytest.mark.parametrize(("change", "message", "hint"), BAD_RANGES)
def test_a_bad_range_is_refused(
    empty_world: World, change: dict[str, Any], message: str, hint: str
) -> None:
    said = refusal(empty_world, "get_coverage", {**REQUEST, **change})
    assert message in (said.message_primary or "")
    assert hint in (said.message_hint or "")


@pytest.mark.parametrize("interval", ["1 minute", "90 minutes", "1 day 1 second"])
def test_parts_of_hours_are_refused(empty_world: World, interval: str) -> None:
    change = {"p_interval": interval, "p_to": "2026-01-01T06:00:00Z"}
    if "second" in interval:
        change["p_to"] = "2026-01-09T00:00:00Z"
    said = refusal(empty_world, "get_coverage", {**REQUEST, **change})
    assert "p_interval must be whole hours, got" in (said.message_primary or "")
    assert "1 day" in (said.message_hint or "")


@pytest.mark.parametrize("schema", ["production", None, "GEO", "'; --"])
def test_an_unknown_schema_is_refused(empty_world: World, schema: str | None) -> None:
    said = refusal(empty_world, "get_coverage", {**REQUEST, "p_schema": schema})
    assert said.message_hint == "Set p_schema to mainnet or testnet or common or cumsum or geo."


@pytest.mark.parametrize("schema", ["mainnet", "testnet", "common", "cumsum", "geo"])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"p_interval": "1 month", "p_from": "1110-01-01 00:00:00+00"},
        {"p_interval": "1000 years", "p_to": "294276-12-31 00:00:00+00"},
        {"p_from": "4713-01-01 00:00:00+00 BC", "p_interval": "1000 years"},
        {"p_from": "9000-01-01 00:00:00+00", "p_to": "9000-01-02 00:00:00+00"},
    ],
)
def test_a_good_range_of_an_empty_database_has_no_rows(
    empty_world: World, schema: str, change: dict[str, str]
) -> None:
    assert call(empty_world, "get_coverage", {**REQUEST, "p_schema": schema, **change}) == []


def test_more_rows_than_the_limit_are_refused(world: World) -> None:
    for number in range(3):
        world.put(f"metric_{number}", "common", START)
    world.settle()
    range_ = {"p_interval": "1 hour", "p_to": str(days_ago(0)), "p_from": str(days_ago(153))}
    said = refusal(world, "get_coverage", {**REQUEST, **range_})
    assert "at most 11000 rows, got" in (said.message_primary or "")
    assert "intervals of 3 metrics" in (said.message_primary or "")
    assert "longer p_interval" in (said.message_hint or "")
    rows = call(world, "get_coverage", {**REQUEST, **range_, "p_from": str(days_ago(152))})
    assert len(rows) == 3 * 152 * 24


def test_every_hour_is_stored_absent_or_missing(world: World) -> None:
    """Day 0: asked by the hour, of which 6 are stored. Day 1: half of it was asked. Day 2: nothing
    was asked, 2 hours are stored. Day 3: by 15 minutes. Day 4: asked, and never verified.
    """
    for hour in range(6):
        world.put(NAME, "common", START + hour * HOUR)
        world.put(NAME, "common", START + DAY + (9 + hour) * HOUR)
    for quarter in range(8):
        world.put(NAME, "common", START + 3 * DAY + 15 * quarter * MINUTE)
    for hour in range(2):
        world.put(NAME, "common", START + 2 * DAY + hour * HOUR + 5 * MINUTE)
    world.settle()
    note(world, START, START + DAY + DAY / 2)
    note(world, START + 3 * DAY, START + 4 * DAY, step=15 * MINUTE)
    note(world, START + 4 * DAY, START + 5 * DAY, ok=False)
    assert told(world, "common", "1 day", START, START + 5 * DAY) == {
        0: ("1h", 24, 6, 18, 0, 0),
        1: ("1h", 24, 6, 9, 9, 0),
        2: (None, 24, 2, 0, 22, 0),
        3: ("15m", 24, 2, 22, 0, 0),
        4: (None, 24, 0, 0, 24, 0),
    }
    whole = told(world, "common", "1 month", START, START + 5 * DAY)
    assert [sum(column) for column in zip(*(row[1:] for row in whole.values()), strict=True)] == [
        *(120, 16, 49, 55, 0)
    ]


def test_hours_belong_where_they_begin_and_the_present_one_is_not_told(world: World) -> None:
    world.put(NAME, "common", START + HOUR)
    world.settle()
    half = HOUR / 2
    rows = world.ask("get_coverage", "common", "1 hour", START + half, START + 3 * HOUR + half)
    assert [(row[0] - START) / HOUR for row in rows] == [1, 2, 3]
    assert [row[4] for row in rows] == [1, 0, 0]
    newest = world.ask("get_coverage", "common", "1 hour", START, days_ago(-2))[-1][0]
    now = world.connection.execute("SELECT date_trunc('hour', now()) - '1 hour'::interval")
    assert newest == now.fetchone()[0]  # type: ignore[index]


def test_gauges_older_than_the_retention_are_not_owed(world: World) -> None:
    world.put(NAME, "common", days_ago(360))
    world.put("web_requests", "cumsum", days_ago(500))
    world.settle()
    assert told(world, "common", "1 day", days_ago(400), days_ago(366)) == {}
    assert len(told(world, "common", "1 day", days_ago(400), days_ago(360))) in (5, 6)
    assert told(world, "cumsum", "1 day", days_ago(500), days_ago(499), name="web_requests") == {
        -470: (None, 24, 1, 0, 23, 0)
    }
    # More seconds than an integer holds.
    (whole,) = world.ask("get_coverage", "cumsum", "1000 years", "0001-01-01", days_ago(0))[-1:]
    assert (whole[4], whole[6]) == (1, whole[3] - 1)


def test_live_rows_are_by_the_minute_but_for_what_is_noted_as_missing(world: World) -> None:
    """Hour 0 lacks ten minutes. Hour 1 is missing, noted so. Hour 2 neither has nor the source."""
    for minute in [*range(50), *range(180, 240)]:
        world.put(NAME, "common", START + minute * MINUTE)
    world.settle()
    world.connection.execute(
        "INSERT INTO internal.live_start VALUES (%s, 'common', %s)", (NAME, START)
    )
    world.connection.execute(
        "INSERT INTO internal.live_checked VALUES (%s, %s, %s)", (NAME, START, START + 4 * HOUR)
    )
    world.connection.execute(GAP, (NAME, START, START + 50 * MINUTE, START + HOUR))
    for record in (NAME, f"{NAME}#2"):
        world.connection.execute(GAP, (record, START + HOUR, START + HOUR, START + 2 * HOUR))
    hours = told(world, "common", "1 hour", START, START + 5 * HOUR)
    assert list(hours.values()) == [
        ("1m", 1, 1, 0, 0, 10),
        (None, 1, 0, 0, 1, 60),
        (None, 1, 0, 1, 0, 0),
        ("1m", 1, 1, 0, 0, 0),
        (None, 1, 0, 0, 1, 0),
    ]


def test_what_no_aggregate_shows_yet_is_not_called_absent(world: World) -> None:
    world.put(NAME, "common", START + DAY)
    world.settle()
    note(world, START, START + DAY)
    world.connection.execute(
        "INSERT INTO internal.aggregate_change (aggregate, window_start, window_end, reason)"
        " VALUES ('internal.prometheus_common_1m', %s, %s, 'backfill')",
        (START, START + 6 * HOUR),
    )
    assert told(world, "common", "1 day", START, START + DAY) == {0: (None, 24, 0, 18, 6, 0)}


def test_positions_are_told_by_their_parts(world: World) -> None:
    world.put("manifest_geo_latitude", "geo", START, 1, instance="a:1")
    world.put("manifest_geo_longitude", "geo", START, 2, instance="a:1")
    world.put("manifest_geo_longitude", "geo", START + HOUR, 2, instance="b:1")
    world.settle()
    rows = world.ask("get_coverage", "geo", "1 day", START, START + DAY)
    assert [row[1:5] for row in rows] == [
        ("manifest_geo_latitude", None, 24, 1),
        ("manifest_geo_longitude", None, 24, 2),
    ]
