"""Live rows that are missing are found to the minute and brought; nothing else is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.samples import tag_id, tags_of
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import SourceRejected
from tests.fix_postgres import ScratchDatabase
from tests.live_world import (
    GAUGE,
    GROUPS,
    HOUR,
    MINUTE,
    PATIENCE,
    TOTAL,
    LiveWorld,
    minutes,
    values,
)
from tests.rows import stored


@pytest.fixture
def world(database: ScratchDatabase) -> LiveWorld:
    return LiveWorld(database)


def since(world: LiveWorld, hours: float) -> datetime:
    start = world.now - timedelta(hours=hours)
    world.say_live_since(start)
    return start


def gaps(world: LiveWorld) -> list[tuple[str, int, int, int]]:
    """Return record, minutes missing, minutes absent and attempts of what is remembered."""
    with world.database.connection() as connection:
        rows = connection.execute(
            "SELECT record, missing, absent, attempts FROM internal.live_gap ORDER BY 1, hour"
        ).fetchall()
    return [
        (record, *(sum(_minutes(part) for part in ranges) for ranges in (missing, absent)), tried)
        for record, missing, absent, tried in rows
    ]


def _minutes(part: object) -> int:
    lower, upper = part.lower, part.upper  # type: ignore[attr-defined]
    return int((upper - lower) / MINUTE)


def test_where_nothing_is_live_nothing_is_owed(world: LiveWorld) -> None:
    world.backfill("backfill_forever")
    report = world.check()
    assert (report.live_since, report.hours, report.rows) == (None, 0, 0)
    assert stored(world.database, "internal.live_checked") == []


def test_complete_live_rows_have_no_gap(world: LiveWorld) -> None:
    start = since(world, 3)
    for name in (TOTAL, GAUGE):
        world.send(name, minutes(start, world.now))

    report = world.check()

    assert report.missing == report.absent == []
    assert report.rows == 3 * int((w.floor(world.now - 5 * MINUTE, MINUTE) - start) / MINUTE)
    assert {row[2] for row in stored(world.database, "internal.live_checked")} == {
        w.floor(world.now - 5 * MINUTE, HOUR)
    }
    asked = len(world.source.asked)
    world.check()
    assert len(world.source.asked) - asked <= 2 * 2, "older hours are not asked for again"


def test_an_hour_without_vmalert_is_closed_to_the_minute(world: LiveWorld) -> None:
    start = since(world, 4)
    hole = Window(world.now - 150 * MINUTE, world.now - 90 * MINUTE)
    for name in (TOTAL, GAUGE):
        world.send(name, [at for at in minutes(start, world.now) if at not in hole])

    report = world.check()
    assert report.missing == [hole]
    assert report.rows_missing == {TOTAL: 60, GAUGE: 120}

    before = dict.fromkeys(stored(world.database, "internal.prometheus_remote_write"))
    assert world.backfill(only=report.missing, recheck=True) == 180
    after = stored(world.database, "internal.prometheus_remote_write")
    assert all(row[0] in hole for row in after if row not in before)
    assert world.check().missing == []
    assert gaps(world) == []
    world.backfill("backfill_forever")
    assert world.total() == world.expected(world.now)


def test_each_rule_and_series_is_looked_at(world: LiveWorld) -> None:
    """One series of a gauge stopped, and single minutes of a total were dropped."""
    start = since(world, 2)
    lost = {world.now - 50 * MINUTE, world.now - 30 * MINUTE}
    world.send(TOTAL, [at for at in minutes(start, world.now) if at not in lost])
    world.send(GAUGE, minutes(start, world.now))
    quiet = world.now - 20 * MINUTE
    with world.database.connection() as connection:
        connection.execute(
            "DELETE FROM internal.prometheus_remote_write WHERE time >= %s AND tag_id ="
            " (SELECT min(tag_id) FROM internal.prometheus_remote_write)",
            (quiet,),
        )

    report = world.check()

    assert report.rows_missing == {TOTAL: 2, GAUGE: 15}
    assert world.repair().missing == []


def test_rows_without_tags_are_brought_theirs(world: LiveWorld) -> None:
    start = since(world, 1)
    world.send(TOTAL, minutes(start, world.now))
    world.send(GAUGE, minutes(start, world.now), tags=False)
    assert len(stored(world.database, "internal.orphan_tag")) == 2

    assert world.repair().missing == []

    assert stored(world.database, "internal.orphan_tag") == []


def test_what_the_source_lacks_is_marked_and_not_tried(world: LiveWorld) -> None:
    start = since(world, 3)
    dark = Window(world.now - 100 * MINUTE, world.now - 80 * MINUTE)

    def interrupted(expr: str, instant: datetime, step: timedelta) -> Mapping[str, str]:
        return {} if instant in dark else values(expr, instant, step)

    world.source.values = interrupted
    for name in (TOTAL, GAUGE):
        world.send(name, [at for at in minutes(start, world.now) if at not in dark])

    report = world.check()

    assert report.missing == []
    assert report.absent == [dark]
    assert sum(absent for _, _, absent, _ in gaps(world)) == 2 * 20
    assert {tried for *_, tried in gaps(world)} == {0}
    assert world.check().missing == []


def test_what_stays_missing_is_counted(world: LiveWorld) -> None:
    since(world, 0.5)
    for attempt in (1, 2, 3):
        world.check()
        assert {tried for *_, tried in gaps(world)} == {attempt}


def test_a_total_whose_minutes_another_series_has_is_not_doubled(world: LiveWorld) -> None:
    """Telegraf tags its rows with another host than the backfill does."""
    start = since(world, 1)
    world.send(GAUGE, minutes(start, world.now))
    world.send(TOTAL, minutes(start, world.now), host="another")
    world.backfill("backfill_forever")
    before = world.total()

    report = world.check()

    assert report.missing == []
    assert report.rows_taken[TOTAL] > 50
    assert world.repair().missing == []
    with pytest.raises(AssertionError, match="other labels"):
        world.backfill()
    assert world.total() == before == world.expected(world.now)


def test_a_total_that_cannot_be_repaired_keeps_no_other_rule_from_it(world: LiveWorld) -> None:
    start = since(world, 1)
    lost = world.now - 30 * MINUTE
    world.send(GAUGE, [at for at in minutes(start, world.now) if at != lost])
    world.send(TOTAL, minutes(start, world.now), host="another")

    assert world.repair().missing == []

    times = [row[0] for row in stored(world.database, "internal.prometheus_remote_write")]
    assert times.count(lost) == 2


def test_a_total_that_was_never_live_is_named(world: LiveWorld) -> None:
    with world.database.connection() as connection:
        connection.execute(
            "INSERT INTO internal.live_start VALUES (%s, 'common', %s)",
            (GAUGE, world.now - HOUR),
        )
    report = world.check()
    assert report.never_live == (TOTAL,)
    assert set(report.rows_missing) == {GAUGE}

    world.source.values = lambda expr, at, step: values(expr, at, step) if expr == GAUGE else {}
    assert world.check().never_live == (), "nobody misses what the source has not"


def test_a_rule_that_is_new_owes_nothing_for_the_time_before_it(world: LiveWorld) -> None:
    start = since(world, 5)
    for name in (TOTAL, GAUGE):
        world.send(name, minutes(start, world.now))
    world.check()
    with world.database.connection() as connection:
        for table in ("live_checked WHERE record", "live_start WHERE name"):
            connection.execute(f"DELETE FROM internal.{table} = %s", (GAUGE,))  # noqa: S608
        connection.execute("DELETE FROM internal.prometheus_remote_write")
    owed = w.floor(world.now - PATIENCE, MINUTE)

    first = world.check().rows_missing[GAUGE]
    assert first == 2 * int((owed - w.floor(owed, HOUR)) / MINUTE)
    # With its first live rows it owes what it owed before, and not what others owe.
    world.send(GAUGE, [world.now - MINUTE, world.now])
    assert world.check().rows_missing[GAUGE] == first
    checked = {row[0]: row[1:] for row in stored(world.database, "internal.live_checked")}
    assert checked[GAUGE] == (w.floor(owed, HOUR), w.floor(owed, HOUR))


def test_gaps_of_a_rule_that_is_gone_are_forgotten(world: LiveWorld) -> None:
    since(world, 1)
    with world.database.connection() as connection:
        connection.execute(
            "INSERT INTO internal.live_gap (record, hour, missing, absent, attempts) VALUES"
            " ('gone', %(hour)s, tstzmultirange(tstzrange(%(hour)s, %(end)s)), '{}', 1)",
            {"hour": w.floor(world.now, HOUR), "end": world.now},
        )
    world.check()
    assert {record for record, *_ in gaps(world)} <= {TOTAL, GAUGE}


def test_an_hour_that_a_coarse_entry_covers_is_not_missing(world: LiveWorld) -> None:
    """The live start moved back into an hour that the backfill had already."""
    world.backfill("backfill_forever")
    start = w.floor(world.now, HOUR) - HOUR + 20 * MINUTE
    world.say_live_since(start)

    report = world.check()

    assert TOTAL not in report.rows_missing
    assert world.repair().missing == []
    assert world.total() == world.expected(world.settled)


def test_a_long_backlog_is_worked_off_in_pieces(world: LiveWorld) -> None:
    world.source.values = lambda expr, instant, step: {}
    with world.database.connection() as connection:
        connection.execute(
            "INSERT INTO internal.live_start VALUES (%s, 'common', %s)",
            (GAUGE, world.now - 100 * HOUR),
        )
    assert world.check().hours <= 50
    assert world.check().hours > 40
    world.check()
    assert world.check().hours <= 25, "what the source lacked is asked for a day"


def test_a_source_that_was_away_is_asked_again(world: LiveWorld) -> None:
    """It was empty when its hours were compared, and has its samples back."""
    start = since(world, 5)
    hole = Window(world.now - 200 * MINUTE, world.now - 100 * MINUTE)
    for name in (TOTAL, GAUGE):
        world.send(name, [at for at in minutes(start, world.now) if at not in hole])
    world.source.values = lambda expr, at, step: {} if at in hole else values(expr, at, step)
    assert world.check().absent == [hole]

    world.source.values = values

    assert world.check().missing == [hole]
    assert world.repair().absent == []


def test_two_series_of_one_total_at_the_same_minutes_are_told(world: LiveWorld) -> None:
    """Two Telegrafs with another host tag each: nothing is missing, and all counts twice."""
    start = since(world, 1)
    for host in ("telegraf", "another"):
        world.send(TOTAL, minutes(start, world.now), host=host)

    assert world.check().rows_taken[TOTAL] > 50


def test_one_rule_that_breaks_keeps_no_other_from_being_compared(world: LiveWorld) -> None:
    start = since(world, 3)
    lost = world.now - 100 * MINUTE
    world.send(TOTAL, [at for at in minutes(start, world.now) if at != lost])

    def broken(expr: str, window: Window, step: timedelta) -> list[Mapping[str, Any]]:
        if expr == GAUGE:
            raise SourceRejected("many-to-many matching not allowed")
        return answers(expr, window, step)

    answers, world.source.query_range = world.source.query_range, broken  # type: ignore[method-assign]
    report = world.check()

    assert report.rows_missing == {TOTAL: 1}
    assert set(report.problems) == {GAUGE}
    world.source.query_range = answers  # type: ignore[method-assign]
    assert world.check().rows_missing[GAUGE] > 300, "it is compared from where it broke"


def test_two_rules_of_one_total_stand_side_by_side(world: LiveWorld) -> None:
    """A row of the second is missing in an hour that is over."""
    one = GROUPS["live"].rules[0]
    two = replace(one, expr="second", line=9)
    groups = {"live": replace(GROUPS["live"], rules=(one, two))}
    known = values

    def both(expr: str, at: datetime, step: timedelta) -> Mapping[str, str]:
        return {"two": "7"} if expr == "second" else known(expr, at, step)

    world.source.values = both
    start = since(world, 3)
    lost = world.now - 100 * MINUTE
    world.send(TOTAL, minutes(start, world.now))
    with world.database.connection() as connection:
        for at in minutes(start, world.now):
            bag = tags_of(TOTAL, {"series": "two"})
            connection.execute(
                "SELECT internal.upsert_tags(ARRAY[%s], ARRAY[%s])", [tag_id(bag), Jsonb(bag)]
            )
            if at != lost:
                connection.execute(
                    "INSERT INTO cumsum.prometheus_remote_write VALUES (%s, %s, %s, 'cumsum', 7)",
                    (at, tag_id(bag), TOTAL),
                )
    for _ in range(2):
        report = world.check(groups["live"])
        assert report.rows_missing == {TOTAL: 1}
        assert not report.rows_taken


def test_known_gaps_take_turns_where_time_is_short(world: LiveWorld) -> None:
    """Those to be repaired first, then the longest unseen; new hours are never left out."""
    since(world, 8)
    first = world.check()
    newest = w.floor(w.floor(world.now - PATIENCE, MINUTE) - HOUR, HOUR)
    old = sorted({gap.hour for gap in first.gaps if gap.hour < newest})
    with world.database.connection() as connection:
        connection.execute("UPDATE internal.live_gap SET attempts = 7")
        connection.execute("UPDATE internal.live_gap SET attempts = 6 WHERE hour = %s", [old[3]])
    looked_at = []
    for _ in old:
        turns = iter((True, False))
        begun = datetime.now(timezone.utc)
        report = world.check(has_time=lambda: next(turns))  # noqa: B023 - called at once
        assert report.missing == first.missing, "what had no turn is missing still"
        assert report.hours_left == len(old) - 1
        with world.database.connection() as connection:
            looked_at += connection.execute(
                "SELECT DISTINCT hour FROM internal.live_gap WHERE checked_at > %s AND hour < %s",
                [begun, newest],
            ).fetchall()
    assert looked_at == [(old[3],), *((hour,) for hour in old if hour != old[3])]
