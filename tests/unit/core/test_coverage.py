"""Each hour of each metric is judged once, and as an oracle does that looks at it alone."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.coverage import (
    HOUR,
    Answer,
    Facts,
    Kind,
    State,
    columns,
    lacking,
    owed,
    row_of,
    share,
    whole_hours,
)
from promtsdb_dagster.core.windows import Window, parse_instant

START = parse_instant("2026-11-02")
SPAN = Window(START, START + 60 * HOUR)
MINUTE, QUARTER = timedelta(minutes=1), timedelta(minutes=15)
EVERYWHERE = [SPAN]


def between(first: float, past: float) -> Window:
    return Window(START + first * HOUR, START + past * HOUR)


@st.composite
def some_windows(draw: st.DrawFn, unit: timedelta = HOUR) -> list[Window]:
    """Return windows that may overlap, touch, and reach out of the span."""
    parts = HOUR // unit
    edges = st.integers(-3 * parts, 63 * parts)
    pairs = draw(st.lists(st.tuples(edges, edges), max_size=4))
    return [Window(START + min(p) * unit, START + (max(p) + 1) * unit) for p in pairs]


@given(
    stored=some_windows(),
    minutes=some_windows(QUARTER),
    hours=some_windows(),
    asked=some_windows(QUARTER),
    wanted=some_windows(),
    answer_asked=some_windows(),
    answer_has=some_windows(),
)
def test_every_hour_is_judged_as_if_alone(
    stored: list[Window],
    minutes: list[Window],
    hours: list[Window],
    asked: list[Window],
    wanted: list[Window],
    answer_asked: list[Window],
    answer_has: list[Window],
) -> None:
    has = w.intersect(answer_has, answer_asked)
    facts = Facts("common", "x", stored, {MINUTE: minutes, HOUR: hours}, asked)
    whole = w.merge(asked)

    def judged(hour: Window) -> Kind:
        def meets(windows: list[Window]) -> bool:
            return any(window.meet(hour) for window in windows)

        if meets(stored):
            step = MINUTE if meets(minutes) else HOUR if meets(hours) else None
            return State.STORED, step
        if not meets(wanted):
            return State.EXPIRED, None
        if any(window.meet(hour) == hour for window in whole):
            return State.ABSENT, None
        if meets(has):
            return State.MISSING, None
        return (State.ABSENT if meets(answer_asked) else State.UNKNOWN), None

    each = w.split(SPAN, HOUR)
    row = row_of(facts, each, wanted, Answer(answer_asked, has))
    assert list(row.cells) == [Counter([judged(hour)]) for hour in each]
    coarse = row_of(facts, [SPAN], wanted, Answer(answer_asked, has))
    assert coarse.cells[0] == row.total
    open_hours = [hour for hour in each if w.intersect([hour], lacking(facts, wanted))]
    assert len(open_hours) == row.hours(State.MISSING, State.UNKNOWN) + sum(
        judged(hour)[0] is State.ABSENT and not any(p.meet(hour) == hour for p in whole)
        for hour in each
    )


def test_the_finest_step_counts_and_an_unknown_one_is_said() -> None:
    steps = {HOUR: [between(0, 20)], QUARTER: [between(5, 10)], MINUTE: [between(9.5, 12)]}
    row = row_of(Facts("common", "x", [between(0, 30)], steps), [SPAN], EVERYWHERE, Answer())
    assert row.total == Counter(
        {
            (State.STORED, MINUTE): 3,
            (State.STORED, QUARTER): 4,
            (State.STORED, HOUR): 13,
            (State.STORED, None): 10,
            (State.UNKNOWN, None): 30,
        }
    )
    assert row.share == 0.5


def test_minutes_that_live_data_lacks_are_added_up_within_the_span() -> None:
    facts = Facts("common", "x", lacking=[between(-1, 0.5), between(2, 2.25), between(59, 70)])
    assert row_of(facts, [SPAN], EVERYWHERE, Answer()).missing_minutes == 30 + 15 + 60


def test_gauges_are_owed_for_their_retention_and_totals_for_ever() -> None:
    now, retention = START + 60.5 * HOUR, 24 * HOUR
    assert owed("common", SPAN, now=now, retention=retention) == [between(37, 60)]
    assert owed("cumsum", SPAN, now=now, retention=retention) == [SPAN]
    assert owed("common", between(0, 5), now=now, retention=retention) == []


def test_hours_are_told_when_they_are_over() -> None:
    now = START + 5.9 * HOUR
    assert whole_hours(between(0.5, 3.5), now) == between(1, 4)
    assert whole_hours(between(0, 50), now) == between(0, 5)
    assert whole_hours(between(5, 50), now) is None


@pytest.mark.parametrize(
    ("hours", "most", "width"),
    [(60, 190, 1), (60, 30, 3), (24 * 365, 190, 48), (24 * 1290, 190, 168), (24 * 1290, 60, 672)],
)
def test_columns_tile_a_span_in_one_of_few_widths(hours: int, most: int, width: int) -> None:
    span = Window(START + 3 * HOUR, START + (3 + hours) * HOUR)
    found = columns(span, most)
    assert w.merge(found) == [span]
    assert len(found) <= most
    assert max(column.duration for column in found) == width * HOUR


def test_a_share_of_nothing_is_none() -> None:
    assert share(0, 0) is None
    assert share(0, 3) == 0
    assert share(3, 1) == 0.75
