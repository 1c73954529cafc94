"""What every writer of batches must see alike: the locks, the tables, the instants."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from promtsdb_dagster.core.ports import Batch, Part, Tally
from promtsdb_dagster.core.samples import Converted, Series
from promtsdb_dagster.core.windows import EPOCH

Target = Literal["internal", "cumsum"]
TARGETS: tuple[Target, ...] = ("internal", "cumsum")


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


Present = Mapping[tuple[int, datetime], tuple[int, int]]


def count_rows(
    batch: Batch,
    parts: Sequence[Part],
    present: Present,
    tally: Tally,
    per_task: Sequence[Counter[str]],
) -> list[Counter[datetime]]:
    """Add to what a batch did, by partition and by task; return the rows by task and instant.

    `present` holds how many rows were there before, and how many of them with another value.
    """
    starts = [partition.start for partition in batch.partitions]
    counts = [count_by_instant(part) for _, part in parts]
    for index, by_instant in enumerate(counts):
        for instant, count in by_instant.items():
            start = starts[max(0, bisect_right(starts, instant) - 1)]
            there, differing = present.get((index, instant), (0, 0))
            tally.written[start] += count - there
            tally.present[start] += there
            tally.differing[start] += differing
            per_task[index]["written"] += count - there
            per_task[index]["present"] += there
    return counts


def count_by_instant(part: Converted) -> Counter[datetime]:
    """Return how many rows an answer has at each instant."""
    seconds: Counter[int] = Counter()
    for series in part.series:
        seconds.update(series.times)
    return Counter({EPOCH + timedelta(seconds=second): n for second, n in seconds.items()})
