"""What a backfill does is decided by age, by the ledger, and by what is live already."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from promtsdb_dagster.core import plan
from promtsdb_dagster.core.plan import Entry, Policy, Task
from promtsdb_dagster.core.planner import units_of
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.windows import Window

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 22, 10, 30, 20, tzinfo=timezone.utc)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0)
POLICY = Policy(history_start=datetime(2023, 5, 10, tzinfo=timezone.utc))
STEPS = {"live": MINUTE, "backfill_1w": 15 * MINUTE}


def group(name: str) -> RuleGroup:
    step = STEPS.get(name, HOUR)
    return RuleGroup(name, step, (Rule(name, "m", name, {}, "f", 1),), "f")


def day(text: str, days: int = 1) -> Window:
    start = datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    return Window(start, start + days * DAY)


def scope_of(name: str, window: Window, *, cumulative: bool = False) -> plan.Scope:
    return plan.scope(group(name), [window], now=NOW, policy=POLICY, cumulative=cumulative)


@pytest.mark.parametrize(
    ("name", "asked", "reason"),
    [
        ("backfill_1y", day("2026-11-15"), "younger than 7 days, a finer group has it"),
        ("backfill_1w", day("2026-11-14"), "older than 7 days, a coarser group has it"),
        ("backfill_1y", day("2025-11-01"), "older than the retention of 365 days"),
        ("live", day("2025-11-01"), "older than the retention of 365 days"),
        ("backfill_1y", day("2023-05-09"), "before BACKFILL_START 2023-05-10"),
        ("live", day("2026-11-23"), "not settled at 2026-11-22T10:30:20Z"),
    ],
)
def test_what_is_out_of_scope_says_why(name: str, asked: Window, reason: str) -> None:
    found = scope_of(name, asked)

    assert found.windows == ()
    assert found.skipped == ((asked, reason),)


def test_the_groups_of_gauges_meet_without_gap_or_overlap() -> None:
    everything = Window(POLICY.history_start, MIDNIGHT + DAY)
    [year], [week] = (scope_of(name, everything).windows for name in ("backfill_1y", "backfill_1w"))

    assert year.end == week.start == MIDNIGHT - 7 * DAY
    assert year.start == datetime(2025, 11, 22, 11, tzinfo=timezone.utc)


def test_a_window_ends_where_samples_may_still_change() -> None:
    [today] = scope_of("live", day("2026-11-22")).windows

    # 10:29 is the newest full minute that is at least 60 s old at 10:30:20.
    assert today.end == datetime(2026, 11, 22, 10, 30, tzinfo=timezone.utc)


def test_cumulative_metrics_have_no_retention() -> None:
    assert scope_of("backfill_forever", day("2023-06-01"), cumulative=True).skipped == ()


def entry(rule: Rule, window: Window, step: timedelta, *, verified: bool = True) -> Entry:
    return Entry(rule.group, rule.key, rule.record, step, window, verified)


def test_a_gauge_does_what_the_ledger_does_not_hold_as_verified() -> None:
    [rule] = group("backfill_1w").rules
    asked = day("2026-11-16", 3)
    ledger = [
        entry(rule, day("2026-11-16"), STEPS["backfill_1w"]),
        entry(rule, day("2026-11-17"), STEPS["backfill_1w"], verified=False),
    ]

    def windows(**options: bool) -> list[Window]:
        tasks = plan.plan_gauge(rule, "m", 15 * MINUTE, [asked], ledger, **options)
        return [task.window for task in tasks]

    assert windows() == [day("2026-11-17", 2)]
    assert windows(recheck=True) == [asked]


def test_a_changed_rule_is_a_rule_that_was_never_done() -> None:
    [rule] = group("backfill_1w").rules
    changed = Rule(rule.group, rule.record, "another expression", {}, "f", 1)
    ledger = [entry(rule, day("2026-11-16"), STEPS["backfill_1w"])]

    tasks = plan.plan_gauge(changed, "m", 15 * MINUTE, [day("2026-11-16")], ledger)

    assert [task.window for task in tasks] == [day("2026-11-16")]


def test_a_group_of_another_step_was_never_done() -> None:
    [rule] = group("backfill_1w").rules
    ledger = [entry(rule, day("2026-11-16"), HOUR)]

    tasks = plan.plan_gauge(rule, "m", 15 * MINUTE, [day("2026-11-16")], ledger)

    assert [task.window for task in tasks] == [day("2026-11-16")]


def cumulative_plan(
    *, asked: Window, ledger: list[Entry], live_since: datetime | None = None
) -> list[Task]:
    [coarse], [fine] = group("backfill_forever").rules, group("live").rules
    return plan.plan_cumulative(
        coarse,
        "m",
        HOUR,
        [asked],
        ledger,
        fine_rule=fine,
        fine_step=MINUTE,
        live_since=live_since,
        settled=POLICY.settled(NOW, MINUTE),
    )


def test_whole_hours_come_by_the_hour_and_the_rest_by_the_minute() -> None:
    tasks = cumulative_plan(asked=day("2026-11-22"), ledger=[])

    assert [(task.step, task.window) for task in tasks] == [
        (HOUR, Window(MIDNIGHT, MIDNIGHT + 11 * HOUR)),
        # The sample at 10:00 stands for the hour before, so the minutes go on at 10:01.
        (MINUTE, Window(MIDNIGHT + 10 * HOUR + MINUTE, MIDNIGHT + 10 * HOUR + 30 * MINUTE)),
    ]


def test_a_backfill_ends_exactly_where_live_begins() -> None:
    live_since = MIDNIGHT + 9 * HOUR + 17 * MINUTE

    tasks = cumulative_plan(asked=day("2026-11-22"), ledger=[], live_since=live_since)

    assert tasks[-1].step == MINUTE
    assert tasks[-1].window == Window(MIDNIGHT + 9 * HOUR + MINUTE, live_since)


def test_an_hour_that_is_partly_there_is_finished_by_the_minute() -> None:
    [fine] = group("live").rules
    minutes = Window(MIDNIGHT + HOUR + 20 * MINUTE, MIDNIGHT + HOUR + 40 * MINUTE)

    tasks = cumulative_plan(asked=day("2026-11-22"), ledger=[entry(fine, minutes, MINUTE)])

    assert [(task.step, task.window) for task in tasks[:4]] == [
        (HOUR, Window(MIDNIGHT, MIDNIGHT + 2 * HOUR)),
        (MINUTE, Window(MIDNIGHT + HOUR + MINUTE, MIDNIGHT + HOUR + 20 * MINUTE)),
        (MINUTE, Window(MIDNIGHT + HOUR + 40 * MINUTE, MIDNIGHT + 2 * HOUR + MINUTE)),
        (HOUR, Window(MIDNIGHT + 3 * HOUR, MIDNIGHT + 11 * HOUR)),
    ]


def test_a_total_that_was_never_verified_is_done_again_as_it_was() -> None:
    [coarse] = group("backfill_forever").rules
    whole = Window(MIDNIGHT, MIDNIGHT + 11 * HOUR)
    ledger = [entry(coarse, whole, HOUR, verified=False)]

    tasks = cumulative_plan(asked=day("2026-11-22"), ledger=ledger)

    # At any other step these hours would count twice.
    assert (tasks[0].step, tasks[0].window) == (HOUR, whole)
    assert [task.step for task in tasks[1:]] == [MINUTE]


def test_units_hold_adjoining_partitions_up_to_their_size() -> None:
    days = [day("2026-11-01"), day("2026-11-02"), day("2026-11-04"), day("2026-11-05")]

    assert units_of(days, HOUR, 48) == [tuple(days[:2]), tuple(days[2:])]
    assert units_of(days, HOUR, 24) == [(one,) for one in days]
    # A partition is never cut here, however many instants it holds.
    assert units_of(days, MINUTE, 24) == [(one,) for one in days]
