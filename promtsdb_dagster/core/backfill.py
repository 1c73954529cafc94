"""Run a backfill: plan, fetch, write and verify, one unit of work after another."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from promtsdb_dagster.core import plan
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.plan import LIVE, Entry, Policy, Scope, Task
from promtsdb_dagster.core.report import Progress, Report, Tally, UnitResult
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.samples import Converted, Routing, convert
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import ClockSkew, InputError, RuleError, SourceTooLarge

# Under the 11,000 that Prometheus allows.
POINTS_PER_QUERY = 10_000
# Another run may commit parts of the same unit while this one fetches; each time it plans anew.
_MAX_PLANS = 5


class Source(Protocol):
    """Answer range queries; adapters.prometheus is the real one."""

    def query_range(self, expr: str, window: Window, step: timedelta) -> list[Mapping[str, Any]]:
        """Return the series at the multiples of step that the window holds."""

    def clock(self) -> datetime:
        """Return the source's now."""


@dataclass(frozen=True)
class Batch:
    """Hold what one unit fetched, to be written in one transaction."""

    group: str
    span: Window
    partitions: tuple[Window, ...]
    parts: tuple[tuple[Task, Converted], ...]
    run_id: str

    @property
    def rows(self) -> int:
        """Return how many rows all parts have together."""
        return sum(part.rows for _, part in self.parts)


class Store(Protocol):
    """Keep rows and the ledger; adapters.writer is the real one."""

    def ledger(self, group: str, records: Sequence[str], span: Window) -> list[Entry]:
        """Return the entries of a group, or of these records in any group, that meet the span."""

    def live_since(self) -> Mapping[str, datetime]:
        """Return the first live instant of each cumulative metric that has one."""

    def write(self, batch: Batch, still_wanted: Callable[[Sequence[Entry]], bool]) -> Tally | None:
        """Commit rows, tags and ledger entries as one; None, and nothing, if the plan is stale.

        Safe to repeat. The entries count as unverified until `verify`.
        """

    def verify(self, batch: Batch, tally: Tally) -> None:
        """Compare what is stored with the batch and mark its entries, or raise."""


class Backfill:
    """Bring the history of rule groups from a source into a store."""

    def __init__(
        self,
        source: Source,
        store: Store,
        groups: Mapping[str, RuleGroup],
        routing: Routing,
        policy: Policy,
    ) -> None:
        self._source = source
        self._store = store
        self._groups = groups
        self._routing = routing
        self._policy = policy

    def check_clock(self, now: datetime) -> None:
        """Raise ClockSkew when the source's clock is further from `now` than the settling time."""
        theirs = self._source.clock()
        allowed = max(self._policy.settle, timedelta(seconds=5))
        if abs(theirs - now) > allowed:
            raise ClockSkew(
                f"the source's clock says {theirs:%Y-%m-%dT%H:%M:%SZ} and ours "
                f"{now:%Y-%m-%dT%H:%M:%SZ}, wanted a difference of at most "
                f"{allowed.total_seconds():.0f} s; set both by NTP, then run again"
            )

    def run(
        self,
        group: str,
        partitions: Sequence[Window],
        *,
        now: datetime,
        recheck: bool = False,
        run_id: str = "",
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Report:
        """Do what is left of the partitions; the report holds what failed instead of raising it.

        Safe to repeat, to interrupt, and to run beside itself.
        """
        if group not in self._groups:
            raise InputError(
                f"there is no rule group {group!r}, wanted one of {sorted(self._groups)}; "
                "check the rule files"
            )
        run = _Run(self, self._groups[group], now, recheck, run_id)
        sizes = plan.units(partitions, run.group.step, self._policy.instants_per_unit)
        units = [(part, Window(part[0].start, part[-1].end)) for part in sizes]
        report = Report(group, partitions)
        started = time.monotonic()
        with (
            ThreadPoolExecutor(self._policy.concurrency, "unit") as workers,
            ThreadPoolExecutor(self._policy.concurrency * 4, "fetch") as fetchers,
        ):
            pending = {workers.submit(run.unit, parts, span, fetchers) for parts, span in units}
            try:
                while pending:
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        _collect(future, report)
                    if report.error is not None:
                        pending = {future for future in pending if not future.cancel()}
                    elif on_progress:
                        on_progress(
                            Progress(
                                len(units) - len(pending),
                                len(units),
                                report.rows_written,
                                time.monotonic() - started,
                            )
                        )
            finally:
                for future in pending:
                    future.cancel()
        return report


def _collect(future: Future[list[UnitResult]], report: Report) -> None:
    if future.cancelled():
        return
    error = future.exception()
    if error is None:
        for result in future.result():
            report.add(result)
    elif isinstance(error, Exception):
        report.error = report.error or error
    else:
        raise error


class _Run:
    """Hold what all units of one run share."""

    def __init__(
        self, backfill: Backfill, group: RuleGroup, now: datetime, recheck: bool, run_id: str
    ) -> None:
        self._source = backfill._source
        self._store = backfill._store
        self._routing = backfill._routing
        self._policy = backfill._policy
        self.group = group
        self._now = now
        self._recheck = recheck
        self._run_id = run_id
        live = backfill._groups.get(LIVE)
        self._fine_step = min(live.step, group.step) if live else group.step
        self._fine_rules = _numbered(live.rules) if live else {}
        self._rules = _numbered(group.rules)
        self._cumulative = [
            record for record, rule in self._rules.items() if self._is_cumulative(rule)
        ]

    def _is_cumulative(self, rule: Rule) -> bool:
        return rule.record.lower() in self._routing.cumulative

    def unit(
        self, partitions: tuple[Window, ...], span: Window, fetchers: ThreadPoolExecutor
    ) -> list[UnitResult]:
        """Do one unit, in halves where its answer is too large."""
        try:
            return [self._whole_unit(partitions, span, fetchers)]
        except SourceTooLarge:
            middle = w.floor(span.start + span.duration / 2, self.group.step)
            if not span.start < middle < span.end:
                raise
        results = []
        for half in (Window(span.start, middle), Window(middle, span.end)):
            parts = tuple(partition for partition in partitions if partition.meet(half))
            results += self.unit(parts, half, fetchers)
        return results

    def _whole_unit(
        self, partitions: tuple[Window, ...], span: Window, fetchers: ThreadPoolExecutor
    ) -> UnitResult:
        started = time.monotonic()
        scopes = self._scopes(span)
        live_since = self._store.live_since() if self._cumulative else {}

        def tasks_for(entries: Sequence[Entry]) -> list[Task]:
            return self._plan(scopes, entries, live_since)

        def result(tasks: list[Task], batch: Batch, tally: Tally) -> UnitResult:
            skipped = [skip for scope in scopes for skip in scope.skipped]
            seconds = time.monotonic() - started
            return UnitResult(partitions, span, tasks, batch.parts, tally, skipped, seconds)

        for _ in range(_MAX_PLANS):
            tasks = tasks_for(self._store.ledger(self.group.name, self._cumulative, span))
            batch = Batch(self.group.name, span, partitions, (), self._run_id)
            if not tasks:
                return result(tasks, batch, Tally())
            batch = Batch(
                self.group.name, span, partitions, self._fetch(tasks, fetchers), self._run_id
            )
            if not any(part.rows or part.dropped for _, part in batch.parts):
                # Not an entry in the ledger: the source may simply not have it yet.
                return result(tasks, batch, Tally())
            tally = self._store.write(batch, _Same(tasks_for, tasks))
            if tally is not None:
                self._store.verify(batch, tally)
                return result(tasks, batch, tally)
        raise InputError(
            f"other runs keep changing {span} of {self.group.name!r}; wanted one run at a time "
            "for a range; wait for them, then run the same partitions again"
        )

    def _scopes(self, span: Window) -> tuple[Scope, Scope]:
        """Return the scope of the gauges and the scope of the cumulative metrics."""
        gauges, cumulative = (
            plan.scope(
                self.group, [span], now=self._now, policy=self._policy, cumulative=cumulative
            )
            for cumulative in (False, True)
        )
        # Reasons that concern no rule of this group would only puzzle.
        if not self._cumulative:
            cumulative = Scope((), ())
        elif len(self._cumulative) == len(self._rules):
            gauges = Scope((), ())
        else:
            cumulative = Scope(cumulative.windows, ())
        return gauges, cumulative

    def _plan(
        self,
        scopes: tuple[Scope, Scope],
        entries: Sequence[Entry],
        live_since: Mapping[str, datetime],
    ) -> list[Task]:
        gauges, cumulative = scopes
        tasks: list[Task] = []
        for record, rule in self._rules.items():
            if not self._is_cumulative(rule):
                tasks += plan.plan_gauge(
                    rule, record, self.group.step, gauges.windows, entries, recheck=self._recheck
                )
                continue
            tasks += plan.plan_cumulative(
                rule,
                record,
                self.group.step,
                cumulative.windows,
                entries,
                fine_rule=self._fine_rules.get(record),
                fine_step=self._fine_step,
                live_since=live_since.get(rule.record.lower()),
                settled=self._policy.settled(self._now, self._fine_step),
                recheck=self._recheck,
            )
        return tasks

    def _fetch(
        self, tasks: Sequence[Task], fetchers: ThreadPoolExecutor
    ) -> tuple[tuple[Task, Converted], ...]:
        queries = [
            (task, piece)
            for task in tasks
            for piece in w.split(task.window, task.step * POINTS_PER_QUERY)
        ]
        futures = [fetchers.submit(self._ask, task, piece) for task, piece in queries]
        parts = [(task, Converted()) for task in tasks]
        whole = {task.order: part for task, part in parts}
        rows = 0
        try:
            for (task, _), future in zip(queries, futures, strict=True):
                piece = future.result()
                rows += piece.rows
                if rows > self._policy.rows_per_unit:
                    raise SourceTooLarge(
                        f"group {self.group.name!r} gives more than {self._policy.rows_per_unit} "
                        f"rows for {task.window}; wanted fewer at once; a shorter window may fit"
                    )
                whole[task.order].add(piece)
        finally:
            for future in futures:
                future.cancel()
        _refuse_doubles(parts)
        return tuple(parts)

    def _ask(self, task: Task, piece: Window) -> Converted:
        answer = self._source.query_range(task.rule.expr, piece, task.step)
        return convert(task.rule, answer, window=piece, step=task.step, routing=self._routing)


@dataclass(frozen=True)
class _Same:
    """Say whether a plan made from other ledger entries is still the one that was fetched."""

    plan: Callable[[Sequence[Entry]], list[Task]]
    tasks: list[Task]

    def __call__(self, entries: Sequence[Entry]) -> bool:
        return self.plan(entries) == self.tasks


def _numbered(rules: Sequence[Rule]) -> dict[str, Rule]:
    """Return the rules by record, the second of the same record as `record#2`."""
    seen: Counter[str] = Counter()
    numbered = {}
    for rule in rules:
        seen[rule.record] += 1
        count = seen[rule.record]
        numbered[rule.record if count == 1 else f"{rule.record}#{count}"] = rule
    return numbered


def _refuse_doubles(parts: Sequence[tuple[Task, Converted]]) -> None:
    """Raise RuleError when two rules of one group give the same series."""
    owners: dict[tuple[str, str, str, int], Rule] = {}
    for task, converted in parts:
        for series in converted.series:
            identity = (task.rule.group, series.name, series.schema, series.tag_id)
            owner = owners.setdefault(identity, task.rule)
            if owner.key != task.rule.key:
                raise RuleError(
                    f"{task.rule.file}:{task.rule.line}: rule {task.rule.record!r} of group "
                    f"{task.rule.group!r} returns the label set {dict(series.tags)!r} that "
                    f"{owner.file}:{owner.line} returns too, wanted one rule for a series; "
                    "narrow one of the selectors"
                )
