"""Say what a backfill did, partition by partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.plan import Task
from promtsdb_dagster.core.ports import Batch, Tally
from promtsdb_dagster.core.windows import EPOCH, Window


@dataclass(frozen=True)
class Progress:
    """Hold how far a run is, in units of work."""

    done: int
    total: int
    rows: int


@dataclass(frozen=True)
class UnitResult:
    """Hold what one unit of work did."""

    batch: Batch
    # What the source was asked for; the batch holds what it had something for.
    tasks: Sequence[Task]
    in_scope: Sequence[Window]
    tally: Tally
    skipped: Sequence[tuple[Window, str]]
    seconds: float


@dataclass
class PartitionReport:
    """Hold what was done for one partition."""

    window: Window
    complete: bool = True
    windows: list[Window] = field(default_factory=list)
    rows_written: int = 0
    rows_present: int = 0
    rows_differing: int = 0
    series: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    repaired_labels: int = 0
    skipped: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    found_done: bool = False

    @property
    def rows_per_second(self) -> float:
        """Return rows written in a second."""
        return self.rows_written / self.seconds if self.seconds else 0.0


class Report:
    """Hold what a run did, and the error that ended it early, if any."""

    def __init__(self, group: str, partitions: Iterable[Window]) -> None:
        self.group = group
        self.error: Exception | None = None
        self._results: list[UnitResult] = []
        self._windows = tuple(sorted(partitions))

    def add(self, result: UnitResult) -> None:
        """Take in what one unit did."""
        self._results.append(result)

    @property
    def rows_written(self) -> int:
        """Return the rows written by all units so far."""
        return sum(result.tally.written.total() for result in self._results)

    @property
    def partitions(self) -> tuple[PartitionReport, ...]:
        """Return one report a partition, oldest first."""
        return tuple(self._partition(window) for window in self._windows)

    def _partition(self, window: Window) -> PartitionReport:
        report = PartitionReport(window)
        mine = [result for result in self._results if window in result.batch.partitions]
        report.complete = not w.subtract([window], (result.batch.span for result in mine))
        skipped: dict[str, list[Window]] = {}
        series: set[tuple[str, str, int]] = set()
        for result in mine:
            _add_unit(report, result, series)
            for skip, reason in result.skipped:
                part = skip.meet(window)
                if part:
                    skipped.setdefault(reason, []).append(part)
        report.series = len(series)
        report.windows = w.merge(report.windows)
        in_scope = [part for result in mine for part in result.in_scope]
        report.found_done = (
            report.complete
            and bool(w.intersect([window], in_scope))
            and not any(_within(window, result, result.tasks) for result in mine)
        )
        report.skipped += [
            f"{reason}: {', '.join(map(str, w.merge(parts)))}" for reason, parts in skipped.items()
        ]
        return report


def _add_unit(
    report: PartitionReport, result: UnitResult, series: set[tuple[str, str, int]]
) -> None:
    window, tally = report.window, result.tally
    report.rows_written += tally.written[window.start]
    report.rows_present += tally.present[window.start]
    report.rows_differing += tally.differing[window.start]
    report.remarks += tally.remarks
    report.seconds += result.seconds / len(result.batch.partitions)
    for _, converted in result.batch.parts:
        for item in converted.series:
            if item.reaches(window):
                series.add((item.name, item.schema, item.tag_id))
        for (reason, second), count in converted.dropped.items():
            if EPOCH + timedelta(seconds=second) in window:
                report.dropped[reason] += count
    if window == result.batch.partitions[0]:
        report.repaired_labels += sum(part.repaired_labels for _, part in result.batch.parts)
    asked = _within(window, result, result.tasks)
    done = _within(window, result, (task for task, _ in result.batch.parts))
    report.windows += done
    if asked and not done:
        report.skipped.append(
            "the source has no samples here, it is asked again next time: "
            + ", ".join(map(str, asked))
        )


def _within(window: Window, result: UnitResult, tasks: Iterable[Task]) -> list[Window]:
    """Return what of the tasks' windows belongs to a partition.

    The first hour of a cumulative metric ends where its partition starts: the minutes before a
    unit belong to its first partition.
    """
    windows = w.merge(task.window for task in tasks)
    if window == result.batch.partitions[0]:
        window = Window(min([window.start, *(part.start for part in windows)]), window.end)
    return w.intersect(windows, [window])
