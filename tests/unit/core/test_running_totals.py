"""Whatever is run in whatever order, every minute of a cumulative metric counts exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.samples import Routing, tag_id, tags_of
from promtsdb_dagster.core.windows import EPOCH, Window
from tests.doubles.memory import MemorySource, MemoryStore

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = EPOCH + 20_000 * DAY
DAYS = 4
NAME = "bytes_sent"
GROUPS = {
    "live": RuleGroup("live", MINUTE, (Rule("live", NAME, "fine", {}, "f", 1),), "f"),
    "backfill_forever": RuleGroup(
        "backfill_forever", HOUR, (Rule("backfill_forever", NAME, "coarse", {}, "f", 1),), "f"
    ),
}
MINUTES_OF_HISTORY = DAYS * 24 * 60


def increment(minute: datetime) -> int:
    """Return what the metric grew by in (minute - 1 min, minute]: different for every minute."""
    return 1 + int((minute - START) / MINUTE) ** 2 % 10_007


def values(expr: str, instant: datetime, step: timedelta) -> Mapping[str, str]:
    minutes = int(step / MINUTE)
    return {"": str(sum(increment(instant - k * MINUTE) for k in range(minutes)))}


def day(number: int) -> Window:
    return Window(START + number * DAY, START + (number + 1) * DAY)


class World:
    """Hold a store, its clock, and what a live writer has sent."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.now = START
        self.tag = tag_id(tags_of(NAME, {}))

    def backfill(self, group: str, days: list[int], crash: bool = False) -> None:
        partitions = [day(n) for n in sorted(set(days)) if day(n).start < self.now]
        policy = Policy(history_start=START, concurrency=1, instants_per_unit=48)
        backfill = Backfill(
            MemorySource(values, self.now),
            self.store,
            GROUPS,
            Routing(cumulative=frozenset({NAME})),
            policy,
        )
        self.store.fail_verification = crash
        report = backfill.run(group, partitions, now=self.now)
        self.store.fail_verification = False
        assert crash or report.error is None, report.error

    def send_live(self, minutes: list[int]) -> None:
        for minute in sorted(minutes):
            instant = START + minute * MINUTE
            if instant > self.now:
                continue
            self._receive(instant, increment(instant))

    def replay_hour_by_hand(self, instant: datetime) -> None:
        self._receive(instant, int(values("", instant, HOUR)[""]))

    def _receive(self, instant: datetime, value: int) -> None:
        key = (int(instant.timestamp()), self.tag, NAME, "cumsum")
        self.store.receive_live(key, str(value), self.now)


def expected_total(first: datetime, last: datetime) -> int:
    """Return the sum over the instants first..last, both inclusive."""
    return sum(increment(first + k * MINUTE) for k in range(int((last - first) / MINUTE) + 1))


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("forever"), st.lists(st.integers(0, DAYS - 1), min_size=1)),
        st.tuples(st.just("live group"), st.lists(st.integers(0, DAYS - 1), min_size=1)),
        st.tuples(st.just("crash"), st.lists(st.integers(0, DAYS - 1), min_size=1)),
        st.tuples(st.just("time"), st.integers(1, 2000)),
        st.tuples(st.just("late rows"), st.lists(st.integers(1, 400), min_size=2, max_size=2)),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(ACTIONS, st.none() | st.integers(60, MINUTES_OF_HISTORY - 200), st.integers(1, 180))
def test_a_running_total_is_exact(
    actions: list[tuple[str, object]], live_from: int | None, live_length: int
) -> None:
    """
    1. Backfills of hours and of minutes run in any order, over any days, some of them dying
       between commit and verification, while time goes on.
    2. A live writer starts at some minute that is young when it starts, and stops later.
    3. Rows that were held up somewhere come late, before and after that.
    4. At the end both groups run once over everything.
    5. The total is that of the source from the first hour to the last settled minute.
    """
    world = World()
    for kind, argument in actions:
        if kind == "time":
            assert isinstance(argument, int)
            world.now = min(world.now + argument * MINUTE, START + (DAYS * DAY) - HOUR)
        elif kind == "late rows":
            assert isinstance(argument, list)
            ago, length = argument
            last = int((world.now - START) / MINUTE) - ago
            world.send_live(list(range(max(1, last - length), last + 1)))
        elif isinstance(argument, list):
            group = "live" if kind == "live group" else "backfill_forever"
            world.backfill(group, argument, crash=kind == "crash")
    if live_from is not None:
        world.now = max(world.now, START + live_from * MINUTE)
        first = int((world.now - START) / MINUTE)
        world.now += live_length * MINUTE
        world.send_live([m for m in range(first, first + live_length) if m % 7])
    world.now = max(world.now, START + DAYS * DAY - HOUR) + 17 * MINUTE
    # Live rows may have gone on for minutes of the next day.
    everything = list(range(DAYS + 1))
    world.backfill("backfill_forever", everything)
    world.backfill("live", everything)
    before = dict(world.store.rows)
    world.backfill("live", everything)
    world.backfill("backfill_forever", everything)

    assert world.store.rows == before
    settled = world.now - MINUTE
    # The hour that ends at the first instant of history belongs to it.
    assert world.store.total() == expected_total(START - HOUR + MINUTE, settled)


@pytest.mark.parametrize("minutes", [[600], [600, 601], [599, 600], [613], [601, 720]])
@pytest.mark.parametrize("covered_first", [False, True])
def test_rows_that_come_late_complete_their_hour(minutes: list[int], covered_first: bool) -> None:
    """A row at a full hour may be a minute's even when it stands alone."""
    world = World()
    world.now = START + DAY
    if covered_first:
        world.backfill("backfill_forever", [0])
    world.send_live(minutes)
    world.now += DAY
    world.backfill("backfill_forever", [0])

    assert world.store.total() == expected_total(START - HOUR + MINUTE, START + DAY - HOUR)


def test_an_hour_that_was_replayed_by_hand_counts_once() -> None:
    world = World()
    world.now = START + 2 * DAY
    for hour in (5, 6, 9):
        world.replay_hour_by_hand(START + hour * HOUR)
    world.send_live([7 * 60 + 1])
    world.backfill("backfill_forever", [0])

    assert world.store.total() == expected_total(START - HOUR + MINUTE, START + DAY - HOUR)


def test_what_a_rule_left_open_is_done_by_the_rule_that_it_became() -> None:
    """A process died between commit and verification, its rows were lost, the rule was edited."""
    world = World()
    world.now = START + 2 * DAY
    world.backfill("backfill_forever", [0], crash=True)
    world.store.rows.clear()
    edited = {
        name: RuleGroup(
            name, group.step, (Rule(name, NAME, group.rules[0].expr + " ", {}, "f", 1),), "f"
        )
        for name, group in GROUPS.items()
    }
    engine = Backfill(
        MemorySource(values, world.now),
        world.store,
        edited,
        Routing(cumulative=frozenset({NAME})),
        Policy(history_start=START),
    )
    for _ in range(2):
        report = engine.run("backfill_forever", [day(0)], now=world.now)
        assert report.error is None
        assert world.store.total() == expected_total(START - HOUR + MINUTE, START + DAY - HOUR)


def test_a_metric_that_is_added_later_does_not_wait_for_those_that_are_done() -> None:
    """The plan is made anew under the lock; it must see what the first plan saw."""
    other = "bytes_received"
    world = World()
    world.now = START + 2 * DAY + 30 * MINUTE
    world.backfill("backfill_forever", [0, 1, 2])
    both = {
        name: RuleGroup(
            name,
            group.step,
            (*group.rules, Rule(name, other, group.rules[0].expr, {}, "f", 2)),
            "f",
        )
        for name, group in GROUPS.items()
    }
    backfill = Backfill(
        MemorySource(values, world.now),
        world.store,
        both,
        Routing(cumulative=frozenset({NAME, other})),
        Policy(history_start=START),
    )
    before = world.store.total()

    report = backfill.run("backfill_forever", [day(n) for n in range(3)], now=world.now)

    assert report.error is None
    assert world.store.total() == 2 * before
