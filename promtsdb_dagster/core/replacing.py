"""Replace what is stored of metrics by what the rules of today say, window by window."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.exchange import Exchange, ReplacingStore, each_row_once
from promtsdb_dagster.core.fetching import Fetcher
from promtsdb_dagster.core.plan import Policy, Task
from promtsdb_dagster.core.planner import Only
from promtsdb_dagster.core.ports import Batch, Known, Part, Question, Source, Tally
from promtsdb_dagster.core.redoing import Redo
from promtsdb_dagster.core.report import Progress, Report, UnitResult
from promtsdb_dagster.core.rules import RuleGroup
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import InputError, LossRefused, SourceTooLarge

# Live rows or other runs may change what there is to do while the source is asked.
_MAX_PLANS = 12
_FETCHERS = 4


@dataclass
class _Done:
    """What was exchanged of one partition."""

    tasks: list[Task] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


class Replacing:
    """Delete and write anew all rows of metrics, whoever wrote them and at whatever step."""

    def __init__(
        self,
        source: Source,
        store: ReplacingStore,
        groups: Mapping[str, RuleGroup],
        routing: Routing,
        policy: Policy,
    ) -> None:
        self._source = source
        self._store = store
        self._groups = groups
        self._routing = routing
        self._policy = policy

    def run(
        self,
        group: str,
        partitions: Sequence[Window],
        *,
        now: datetime,
        only: Only,
        accept_loss: bool = False,
        run_id: str = "",
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Report:
        """Replace the records of `only` in the partitions; the report holds what failed.

        A window is replaced as a whole or not at all. One in which the source has less than is
        stored stays as it is, and the next is done. Safe to repeat and to interrupt.
        """
        names = self._names(group, only)
        redo = Redo(self._groups, self._routing, self._policy, names, now)
        report = Report(group, partitions)
        refused: list[LossRefused] = []
        with self._store.session(), ThreadPoolExecutor(_FETCHERS, "fetch") as askers:
            fetcher = Fetcher(self._source, self._routing, askers, self._policy.rows_per_unit)
            worker = _Worker(self._store, redo, fetcher, accept_loss, run_id)
            if on_progress:
                on_progress(Progress(0, len(partitions), 0))
            for number, partition in enumerate(sorted(partitions), start=1):
                windows = w.intersect([partition], only.windows) if only.windows else [partition]
                try:
                    report.add(worker.partition(group, partition, windows))
                except LossRefused as error:
                    refused.append(error)
                except Exception as error:
                    report.error = error
                    return report
                if on_progress:
                    on_progress(Progress(number, len(partitions), report.rows_written))
        if refused:
            report.error = LossRefused(
                f"{len(refused)} of {len(partitions)} partitions stay as they are: "
                + "; ".join(map(str, refused[:3]))
                + ("; ..." if len(refused) > 3 else "")
            )
        return report

    def _names(self, group: str, only: Only) -> tuple[str, ...]:
        if group not in self._groups:
            raise InputError(
                f"there is no rule group {group!r}, wanted one of {sorted(self._groups)}; "
                "check the rule files"
            )
        known = sorted({rule.record for rule in self._groups[group].rules})
        # The rows of two rules of one record cannot be told apart.
        wanted = {record.partition("#")[0] for record in only.records}
        if not wanted:
            raise InputError(
                "`replace` deletes rows, so it needs to know of which metrics; name them in "
                "`records`, for instance records: [total_mfx_burned]"
            )
        for record in sorted(wanted):
            if record not in known:
                raise InputError(
                    f"no rule of group {group!r} makes {record!r}, wanted one of "
                    f"{', '.join(known)}; choose the asset that has the metric"
                )
        return tuple(sorted({record.lower() for record in wanted}))


@dataclass(frozen=True)
class _Worker:
    store: ReplacingStore
    redo: Redo
    fetcher: Fetcher
    accept_loss: bool
    run_id: str

    def partition(self, group: str, partition: Window, asked: Iterable[Window]) -> UnitResult:
        started = time.monotonic()
        done = _Done()
        skipped: list[tuple[Window, str]] = []
        for window in asked:
            allowed, left = self.redo.clip(window)
            skipped += left
            if allowed:
                self._do(partition, allowed, done)
        question = Question(group, self.redo.fine_step, partition, (), self.redo.fine_step)
        batch = Batch(question, (partition,), tuple(done.parts), self.run_id)
        seconds = time.monotonic() - started
        return UnitResult(batch, done.tasks, done.windows, done.tally, skipped, seconds)

    def _do(self, partition: Window, window: Window, done: _Done) -> None:
        """Exchange one window, in halves where its answer is too large."""
        try:
            self._do_whole(partition, window, done)
            return
        except SourceTooLarge:
            middle = w.floor(window.start + window.duration / 2, self.redo.fine_step)
            if not window.start < middle < window.end:
                raise
        for half in (Window(window.start, middle), Window(middle, window.end)):
            self._do(partition, half, done)

    def _do_whole(self, partition: Window, window: Window, done: _Done) -> None:
        for _ in range(_MAX_PLANS):
            tasks = self.redo.tasks(window, self.store.known_of(self.redo.names, window))
            parts = self.fetcher.fetch(tasks)
            rows, per_task = each_row_once(parts)
            exchange = Exchange(
                self.redo.names,
                window,
                parts,
                rows,
                per_task,
                is_cumulative=self.redo.is_cumulative,
                accept_loss=self.accept_loss,
                run_id=self.run_id,
            )
            exchanged = self.store.exchange(exchange, _SamePlan(self.redo, window, tasks))
            if exchanged is None:
                continue
            done.tasks += tasks
            done.parts += parts
            done.windows.append(window)
            done.tally.written += Counter({partition.start: exchanged.written})
            done.tally.deleted += Counter({partition.start: exchanged.deleted})
            done.tally.lost += Counter({partition.start: exchanged.lost})
            remark = f"{exchanged.deleted} rows of {', '.join(self.redo.names)} were taken out"
            if exchanged.lost:
                remark += f", and for {exchanged.lost} instants none came back, as was asked for"
            done.tally.remarks.append(f"{window}: {remark}")
            return
        raise InputError(
            f"other runs keep changing {window}; wanted one run at a time for a range; wait for "
            "them, then run the same partitions again"
        )


@dataclass(frozen=True)
class _SamePlan:
    """Say whether the plan that was fetched is still the one that this knowledge calls for."""

    redo: Redo
    window: Window
    tasks: Sequence[Task]

    def __call__(self, known: Known) -> bool:
        return self.redo.tasks(self.window, known) == self.tasks
