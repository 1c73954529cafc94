"""Turn series side by side into rows, one instant after another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from promtsdb_dagster.core.samples import Series


@dataclass(frozen=True)
class Segment:
    """Hold instants at which the same series have rows.

    `columns` are the values of the `members`, which are positions in the series that were given.
    """

    times: Sequence[int]
    members: Sequence[int]
    columns: Sequence[Sequence[str]]


@dataclass(frozen=True)
class _Grid:
    """Hold the times that some series share."""

    times: Sequence[int]
    members: list[int]


@dataclass(frozen=True)
class _Run:
    """Hold instants, by their positions in all times, that follow each other in one grid."""

    start: int
    end: int
    # What leads from a position in all times to one in the grid.
    shift: int
    grid: _Grid


def by_instants(series: Sequence[Series]) -> Iterator[Segment]:
    """Yield all rows of the series, earlier ones first; members keep the order that was given."""
    grids = _grids(series)
    if len(grids) == 1:
        yield _segment(series, grids[0].times, [(n, 0) for n in grids[0].members])
        return
    times = sorted(set().union(*(grid.times for grid in grids)))
    position = {second: index for index, second in enumerate(times)}
    begins: defaultdict[int, list[_Run]] = defaultdict(list)
    ends: defaultdict[int, list[_Run]] = defaultdict(list)
    for grid in grids:
        for run in _runs(grid, [position[second] for second in grid.times]):
            begins[run.start].append(run)
            ends[run.end].append(run)
    active: dict[int, _Run] = {}
    for start, end in pairwise(sorted({*begins, *ends})):
        for run in ends[start]:
            del active[id(run)]
        for run in begins[start]:
            active[id(run)] = run
        here = sorted(
            (member, start - run.shift) for run in active.values() for member in run.grid.members
        )
        if here:
            yield _segment(series, times[start:end], here)


def _segment(
    series: Sequence[Series], times: Sequence[int], members: Sequence[tuple[int, int]]
) -> Segment:
    """Return the rows of members at times; a member comes with the position of its first value."""
    length = len(times)
    columns = [series[member].values[first : first + length] for member, first in members]
    return Segment(times, [member for member, _ in members], columns)


def _grids(series: Sequence[Series]) -> list[_Grid]:
    alike: dict[tuple[int, int, int], list[_Grid]] = {}
    for member, one in enumerate(series):
        times = one.times
        if not times:
            continue
        candidates = alike.setdefault((len(times), times[0], times[-1]), [])
        for grid in candidates:
            if grid.times is times or grid.times == times:
                grid.members.append(member)
                break
        else:
            candidates.append(_Grid(times, [member]))
    return [grid for candidates in alike.values() for grid in candidates]


def _runs(grid: _Grid, positions: Sequence[int]) -> Iterator[_Run]:
    breaks = [n for n in range(1, len(positions)) if positions[n] - positions[n - 1] != 1]
    for first, last in pairwise([0, *breaks, len(positions)]):
        start = positions[first]
        yield _Run(start, start + last - first, start - first, grid)
