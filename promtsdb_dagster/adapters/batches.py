"""What every writer of batches must see alike: the locks, the tables, the instants."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.ports import Batch, Part, Tally
from promtsdb_dagster.core.samples import Converted, Series
from promtsdb_dagster.core.windows import EPOCH, Window

_MINUTE = timedelta(minutes=1)

Target = Literal["internal", "cumsum"]
TARGETS: tuple[Target, ...] = ("internal", "cumsum")


@dataclass(frozen=True, slots=True)
class Found:
    """Hold what of one series is not stored, and when another value is stored (unix seconds)."""

    # The position of its part in the batch.
    task: int
    series: Series
    missing: Series | None = None
    differing: Sequence[int] = ()


def lock_keys(batch: Batch) -> list[str]:
    """Return the locks of a batch in the one order that all writers take them."""
    keys = [f"{batch.group} {partition.start.isoformat()}" for partition in batch.partitions]
    # Increments of all groups are added up: their plans may not be made side by side.
    totals = any(task.cumulative for task, _ in batch.parts)
    return (["cumsum"] if totals else []) + sorted(keys)


def parts_of(batch: Batch, target: Target) -> list[Part]:
    """Return the parts with only the series of one hypertable; their order is the batch's."""
    return only(batch.parts, target)


def only(parts: Sequence[Part], target: Target) -> list[Part]:
    """Return the parts with only the series of one hypertable, in their order."""
    return [
        (task, Converted([s for s in part.series if target_of(s) == target]))
        for task, part in parts
    ]


def target_of(series: Series) -> Target:
    """Return the schema of the hypertable that a series belongs to."""
    return "cumsum" if series.schema == "cumsum" else "internal"


def count_rows(
    batch: Batch,
    found: Iterable[Found],
    tally: Tally,
    per_task: Sequence[Counter[str]],
) -> None:
    """Add to what a batch did, by partition and by task."""
    starts = [partition.start for partition in batch.partitions]
    cuts = [int((start - EPOCH).total_seconds()) for start in starts[1:]]
    for one in found:
        all_rows = _by_partition(one.series.times, starts, cuts)
        written = _by_partition(one.missing.times if one.missing else (), starts, cuts)
        present = all_rows - written
        tally.written += written
        tally.present += present
        tally.differing += _by_partition(one.differing, starts, cuts)
        per_task[one.task]["written"] += written.total()
        per_task[one.task]["present"] += present.total()


def _by_partition(
    times: Sequence[int], starts: Sequence[datetime], cuts: Sequence[int]
) -> Counter[datetime]:
    """Count ascending times by partition; what lies before the first belongs to it."""
    edges = [0, *(bisect_left(times, cut) for cut in cuts), len(times)]
    return Counter(
        {start: end - first for start, (first, end) in zip(starts, pairwise(edges), strict=True)}
    )


def changed_windows(parts: Sequence[Part], found: Iterable[Found]) -> list[Window]:
    """Return where the rows that were not stored lie: a window for each task that has some."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for one in found:
        if one.missing:
            times = one.missing.times
            first[one.task] = min(first.get(one.task, times[0]), times[0])
            last[one.task] = max(last.get(one.task, times[-1]), times[-1])
    return [
        Window(w.floor(_instant(first[task]), _MINUTE), _instant(last[task]) + parts[task][0].step)
        for task in sorted(first)
    ]


def missing_parts(parts: Sequence[Part], found: Iterable[Found]) -> list[Part]:
    """Return the rows that are not stored, in the parts that they came from."""
    lacking = [(task, Converted()) for task, _ in parts]
    for one in found:
        if one.missing:
            lacking[one.task][1].series.append(one.missing)
    return lacking


def _instant(second: int) -> datetime:
    return EPOCH + timedelta(seconds=second)
