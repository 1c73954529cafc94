"""What every writer of batches must see alike: the locks, the tables, the instants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from promtsdb_dagster.core.ports import Batch, Part
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


def count_by_instant(part: Converted) -> Counter[datetime]:
    """Return how many rows an answer has at each instant."""
    seconds: Counter[int] = Counter()
    for series in part.series:
        seconds.update(series.times)
    return Counter({EPOCH + timedelta(seconds=second): n for second, n in seconds.items()})
