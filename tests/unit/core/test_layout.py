"""All rows of series come out once, one instant after another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from promtsdb_dagster.core.layout import by_instants
from promtsdb_dagster.core.samples import Series

times = st.sets(st.integers(0, 12), max_size=13).map(sorted)


def series_at(*grids: list[int]) -> list[Series]:
    return [
        Series(f"m{number}", "common", number, {}, grid, [f"{number}@{time}" for time in grid])
        for number, grid in enumerate(grids)
    ]


def flat(series: list[Series]) -> list[tuple[int, int, str]]:
    return [
        (time, member, value)
        for segment in by_instants(series)
        for time, row in zip(segment.times, zip(*segment.columns, strict=True), strict=True)
        for member, value in zip(segment.members, row, strict=True)
    ]


@given(st.lists(times, max_size=5))
def test_rows_come_by_instant_and_then_in_the_given_order(grids: list[list[int]]) -> None:
    series = series_at(*grids)
    expected = sorted(
        (time, member, f"{member}@{time}") for member, grid in enumerate(grids) for time in grid
    )

    assert flat(series) == expected


def test_series_of_the_same_times_are_one_segment() -> None:
    shared = [60, 120, 180]

    [segment] = by_instants(series_at(shared, list(shared), shared))

    assert (segment.times, segment.members) == (shared, [0, 1, 2])


def test_a_series_that_pauses_cuts_the_others_only_there() -> None:
    segments = list(by_instants(series_at([1, 2, 3, 4, 5], [1, 2, 4, 5])))

    assert [list(segment.times) for segment in segments] == [[1, 2], [3], [4, 5]]
    assert [segment.members for segment in segments] == [[0, 1], [0], [0, 1]]
