"""Windows tile, align and subtract without losing or doubling an instant."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.windows import EPOCH, Window

MINUTES = st.integers(min_value=0, max_value=60 * 24 * 20)


def at(minutes: int) -> datetime:
    return EPOCH + timedelta(minutes=minutes)


@st.composite
def any_window(draw: st.DrawFn) -> Window:
    start = draw(MINUTES)
    return Window(at(start), at(start + draw(st.integers(1, 60 * 24 * 5))))


def minutes_of(windows: list[Window]) -> set[datetime]:
    return {t for window in windows for t in w.instants(window, timedelta(minutes=1))}


@given(any_window(), st.integers(1, 5000), st.integers(0, 5000))
def test_the_pieces_of_a_split_tile_the_window(window: Window, size: int, origin: int) -> None:
    pieces = w.split(window, timedelta(minutes=size), at(origin))

    assert pieces[0].start == window.start
    assert pieces[-1].end == window.end
    assert all(left.end == right.start for left, right in pairwise(pieces))
    assert all(piece.duration <= timedelta(minutes=size) for piece in pieces)


@given(any_window(), st.integers(1, 1500), st.integers(1, 5000))
def test_every_instant_is_in_exactly_one_piece(window: Window, step: int, size: int) -> None:
    every = timedelta(minutes=step)
    pieces = w.split(window, timedelta(minutes=size))

    together = [t for piece in pieces for t in w.instants(piece, every)]

    assert together == list(w.instants(window, every))
    assert sum(w.count_instants(piece, every) for piece in pieces) == len(together)


@given(st.lists(any_window(), max_size=6), st.lists(any_window(), max_size=6))
def test_subtract_intersect_and_merge_are_set_operations(
    left: list[Window], right: list[Window]
) -> None:
    assert minutes_of(w.merge(left)) == minutes_of(left)
    assert minutes_of(w.subtract(left, right)) == minutes_of(left) - minutes_of(right)
    assert minutes_of(w.intersect(left, right)) == minutes_of(left) & minutes_of(right)
    merged = w.merge(left)
    assert all(a.end < b.start for a, b in pairwise(merged))


@given(MINUTES, st.integers(1, 5000))
def test_floor_and_ceil_are_the_nearest_multiples(minutes: int, step: int) -> None:
    instant, every = at(minutes), timedelta(minutes=step)

    assert w.floor(instant, every) <= instant < w.floor(instant, every) + every
    assert w.ceil(instant, every) - every < instant <= w.ceil(instant, every)


def test_a_window_must_hold_something_and_be_in_utc() -> None:
    with pytest.raises(ValueError, match="start must lie before end"):
        Window(at(1), at(1))
    with pytest.raises(ValueError, match="aware instant in UTC"):
        Window(datetime(2026, 1, 1), datetime(2026, 1, 2))  # noqa: DTZ001
    elsewhere = timezone(timedelta(hours=2))
    with pytest.raises(ValueError, match="aware instant in UTC"):
        Window(datetime(2026, 1, 1, tzinfo=elsewhere), datetime(2026, 1, 2, tzinfo=elsewhere))


def test_a_window_holds_its_start_and_not_its_end() -> None:
    window = Window(at(0), at(10))

    assert at(0) in window
    assert at(10) not in window
    assert w.count_instants(window, timedelta(minutes=5)) == 2
    assert str(window) == "1970-01-01T00:00Z..1970-01-01T00:10Z"
