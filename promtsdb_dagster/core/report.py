"""Say what a backfill did, partition by partition."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.fetching import queries_of
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
    # False where a dry run had no time left to ask the source.
    asked: bool = True


@dataclass
class PartitionReport:
    """Hold what was done for one partition."""

    window: Window
    complete: bool = True
    windows: list[Window] = field(default_factory=list)
    # What the source was asked for: how many rules, in how many queries, over how many instants.
    rules: int = 0
    queries: int = 0
    instants: int = 0
    rows_written: int = 0
    rows_present: int = 0
    rows_differing: int = 0
    rows_deleted: int = 0
    instants_lost: int = 0
    series: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    repaired_labels: int = 0
    skipped: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    found_done: bool = False
    # False where a dry run only planned.
    asked: bool = True

    @property
    def rows_per_second(self) -> float:
        """Return rows written in a second."""
        return self.rows_written / self.seconds if self.seconds else 0.0


class Report:
    """Hold what a run did, and the error that ended it early, if any.

    Nothing of it grows with the rows: a run of years takes no more memory than one of weeks.
    """

    def __init__(self, group: str, partitions: Iterable[Window]) -> None:
        self.group = group
        self.error: Exception | None = None
        self.rows_written = 0
        self._windows = tuple(sorted(partitions))
        self._shares: defaultdict[Window, list[_Share]] = defaultdict(list)
        # Most partitions have the same series, so most share one set.
        self._known: dict[frozenset[_SeriesKey], frozenset[_SeriesKey]] = {}

    def add(self, result: UnitResult) -> None:
        """Take in what one unit did; the rows are let go."""
        self.rows_written += result.tally.written.total()
        for window in result.batch.partitions:
            share = _share(result, window)
            series = self._known.setdefault(share.series, share.series)
            self._shares[window].append(replace(share, series=series))

    @property
    def partitions(self) -> tuple[PartitionReport, ...]:
        """Return one report a partition, oldest first."""
        return tuple(_partition(window, self._shares[window]) for window in self._windows)


_SeriesKey = tuple[str, str, int]


@dataclass(frozen=True)
class _Share:
    """What one unit did for one partition."""

    span: Window
    written: int
    present: int
    differing: int
    deleted: int
    lost: int
    remarks: Sequence[str]
    seconds: float
    rules: frozenset[str]
    queries: int
    instants: int
    fetched: bool
    series: frozenset[_SeriesKey]
    dropped: Counter[str]
    repaired_labels: int
    in_scope: Sequence[Window]
    skipped: Sequence[tuple[Window, str]]
    asked: Sequence[Window]
    done: Sequence[Window]


def _share(result: UnitResult, window: Window) -> _Share:
    batch, tally = result.batch, result.tally
    answers = [answer for _, answer in batch.parts]
    dropped: Counter[str] = Counter()
    for answer in answers:
        for (reason, second), count in answer.dropped.items():
            if EPOCH + timedelta(seconds=second) in window:
                dropped[reason] += count
    is_first = window == batch.partitions[0]
    reach = _reach(window, is_first, result.tasks)
    mine = [(task, part) for task in result.tasks if (part := task.window.meet(reach))]
    return _Share(
        span=batch.span,
        written=tally.written[window.start],
        present=tally.present[window.start],
        differing=tally.differing[window.start],
        deleted=tally.deleted[window.start],
        lost=tally.lost[window.start],
        remarks=tally.remarks,
        seconds=result.seconds / len(batch.partitions),
        rules=frozenset(task.record for task, _ in mine),
        queries=sum(piece.start in reach for _, piece in queries_of([task for task, _ in mine])),
        instants=sum(w.count_instants(part, task.step) for task, part in mine),
        fetched=result.asked,
        series=frozenset(
            (one.name, one.schema, one.tag_id)
            for answer in answers
            for one in answer.series
            if one.reaches(window)
        ),
        dropped=dropped,
        repaired_labels=sum(answer.repaired_labels for answer in answers) if is_first else 0,
        in_scope=w.intersect([window], result.in_scope),
        skipped=[(part, why) for skip, why in result.skipped if (part := skip.meet(window))],
        asked=_within(window, is_first, result.tasks),
        done=_within(window, is_first, (task for task, _ in batch.parts)),
    )


def _within(window: Window, is_first: bool, tasks: Iterable[Task]) -> list[Window]:
    """Return what of the tasks' windows belongs to a partition.

    The first hour of a cumulative metric ends where its partition starts: the minutes before a
    unit belong to its first partition.
    """
    listed = list(tasks)
    reach = _reach(window, is_first, listed)
    return w.intersect((task.window for task in listed), [reach])


def _reach(window: Window, is_first: bool, tasks: Iterable[Task]) -> Window:
    starts = [task.window.start for task in tasks] if is_first else []
    return Window(min([window.start, *starts]), window.end)


def _partition(window: Window, shares: Sequence[_Share]) -> PartitionReport:
    report = PartitionReport(window)
    report.complete = not w.subtract([window], (share.span for share in shares))
    skipped: dict[str, list[Window]] = {}
    series: set[_SeriesKey] = set()
    rules: set[str] = set()
    for share in shares:
        report.rows_written += share.written
        report.rows_present += share.present
        report.rows_differing += share.differing
        report.rows_deleted += share.deleted
        report.instants_lost += share.lost
        report.queries += share.queries
        report.instants += share.instants
        report.asked = report.asked and share.fetched
        rules |= share.rules
        report.remarks += share.remarks
        report.seconds += share.seconds
        report.dropped += share.dropped
        report.repaired_labels += share.repaired_labels
        report.windows += share.done
        series |= share.series
        if share.asked and share.fetched and not share.done:
            report.skipped.append(
                "the source has no samples here, it is asked again next time: "
                + ", ".join(map(str, share.asked))
            )
        for part, reason in share.skipped:
            skipped.setdefault(reason, []).append(part)
    report.series = len(series)
    report.rules = len(rules)
    report.windows = w.merge(report.windows)
    report.found_done = (
        report.complete
        and any(share.in_scope for share in shares)
        and not any(share.asked for share in shares)
    )
    report.skipped += [
        f"{reason}: {', '.join(map(str, w.merge(parts)))}" for reason, parts in skipped.items()
    ]
    return report
