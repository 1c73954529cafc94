"""Run a backfill: plan, fetch, write and verify, one unit of work after another."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.fetching import Fetcher, keep_filled
from promtsdb_dagster.core.plan import Policy, Task
from promtsdb_dagster.core.planner import EVERYTHING, Only, Planner, Scopes, units_of
from promtsdb_dagster.core.ports import Batch, Known, Source, Store, Stray, Tally
from promtsdb_dagster.core.report import Progress, Report, UnitResult
from promtsdb_dagster.core.rules import RuleGroup
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.strays import whole_steps
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import ClockSkew, InputError, SourceTooLarge

# Another run may commit parts of the same unit while this one fetches, or live rows come that were
# held up; each time it plans anew.
_MAX_PLANS = 12
# Queries of one unit that are made ready for the source; its own limit says how many run.
_FETCHERS_PER_UNIT = 4

_T = TypeVar("_T")


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
        only: Only = EVERYTHING,
        run_id: str = "",
        on_progress: Callable[[Progress], None] | None = None,
        may_ask: Callable[[], bool] | None = None,
    ) -> Report:
        """Do what is left of the partitions; the report holds what failed instead of raising it.

        What `only` does not name of windows or rules is left as it is. With `may_ask`, units
        come spread over the range, and are only planned once it returns False. Safe to repeat,
        to interrupt, and to run beside itself.
        """
        if group not in self._groups:
            raise InputError(
                f"there is no rule group {group!r}, wanted one of {sorted(self._groups)}; "
                "check the rule files"
            )
        rules = self._groups[group]
        planner = Planner(rules, self._groups, self._routing, self._policy, now, recheck, only)
        units = units_of(partitions, rules.step, self._policy.instants_per_unit)
        report = Report(group, partitions)
        concurrency = self._policy.concurrency
        with (
            self._store.session(),
            ThreadPoolExecutor(concurrency, "unit") as workers,
            ThreadPoolExecutor(concurrency * _FETCHERS_PER_UNIT, "fetch") as askers,
        ):
            fetcher = Fetcher(self._source, self._routing, askers, self._policy.rows_per_unit)
            worker = _Worker(self._store, planner, fetcher, run_id, may_ask or _always)
            pending = {
                workers.submit(worker.do, parts, Window(parts[0].start, parts[-1].end))
                for parts in (spread(units) if may_ask else units)
            }
            try:
                finished = 0
                if on_progress:
                    on_progress(Progress(0, len(units), 0))
                while pending:
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        finished += _collect(future, report)
                        if on_progress:
                            on_progress(Progress(finished, len(units), report.rows_written))
                    if report.error is not None:
                        pending = {future for future in pending if not future.cancel()}
            finally:
                for future in pending:
                    future.cancel()
        return report


def spread(units: Sequence[_T]) -> list[_T]:
    """Return all units, the newest first, then always the middle of what is furthest from any."""
    order: list[_T] = []
    gaps = deque([(0, len(units) - 1)])
    if units:
        order.append(units[-1])
    while gaps:
        first, end = gaps.popleft()
        if first < end:
            middle = (first + end) // 2
            order.append(units[middle])
            gaps += [(first, middle), (middle + 1, end)]
    return order


def _always() -> bool:
    return True


def _collect(future: Future[list[UnitResult]], report: Report) -> bool:
    """Take a unit into the report; return whether it was done."""
    error = future.exception()
    if error is None:
        for result in future.result():
            report.add(result)
    elif isinstance(error, Exception):
        report.error = report.error or error
    else:
        raise error
    return error is None


@dataclass(frozen=True)
class _Worker:
    """Do units of work; shared by the threads of one run."""

    store: Store
    planner: Planner
    fetcher: Fetcher
    run_id: str
    may_ask: Callable[[], bool]

    def do(self, partitions: tuple[Window, ...], span: Window) -> list[UnitResult]:
        """Do one unit, in halves where its answer is too large."""
        if not self.may_ask():
            return [self._only_plan(partitions, span)]
        try:
            return [self._do_whole(partitions, span)]
        except SourceTooLarge:
            middle = w.floor(span.start + span.duration / 2, self.planner.group.step)
            if not span.start < middle < span.end:
                raise
        results = []
        for half in (Window(span.start, middle), Window(middle, span.end)):
            results += self.do(tuple(part for part in partitions if part.meet(half)), half)
        return results

    def _do_whole(self, partitions: tuple[Window, ...], span: Window) -> UnitResult:
        started = time.monotonic()
        group = self.planner.group.name
        scopes = self.planner.scopes(span)
        question = self.planner.question(span)
        for _ in range(_MAX_PLANS):
            known = self.store.known(question)
            skipped = scopes.skipped + self.planner.left_to_others(span, known)
            whole = self._whole_steps(known)
            tasks = self.planner.tasks(scopes, _without(known, whole))
            parts = keep_filled(self.fetcher.fetch(tasks), partitions)
            batch = Batch(question, partitions, parts, self.run_id)
            tally: Tally | None = Tally()
            if parts:
                tally = self.store.write(batch, _SamePlan(self.planner, scopes, whole, tasks))
            if tally is not None:
                self.store.verify(batch, tally)
                seconds = time.monotonic() - started
                return UnitResult(batch, tasks, scopes.windows, tally, skipped, seconds)
        raise InputError(
            f"other runs keep changing {span} of {group!r}; wanted one run at a time for a "
            "range; wait for them, then run the same partitions again"
        )

    def _only_plan(self, partitions: tuple[Window, ...], span: Window) -> UnitResult:
        scopes, question = self.planner.scopes(span), self.planner.question(span)
        known = self.store.known(question)
        skipped = scopes.skipped + self.planner.left_to_others(span, known)
        tasks = self.planner.tasks(scopes, known)
        batch = Batch(question, partitions, (), self.run_id)
        return UnitResult(batch, tasks, scopes.windows, Tally(), skipped, 0.0, asked=not tasks)

    def _whole_steps(self, known: Known) -> set[Stray]:
        doubts = self.planner.doubts(known)
        return whole_steps(self.planner.strays(known), self.fetcher.fetch(doubts))


@dataclass(frozen=True)
class _SamePlan:
    """Say whether the plan that was fetched is still the one that this knowledge calls for."""

    # Retries log what they are called with: 40 KB for all gauges of a day.
    planner: Planner = field(repr=False)
    scopes: Scopes = field(repr=False)
    whole: Set[Stray] = field(repr=False)
    tasks: Sequence[Task] = field(repr=False)

    def __call__(self, known: Known) -> bool:
        return self.planner.tasks(self.scopes, _without(known, self.whole)) == self.tasks


def _without(known: Known, whole: Set[Stray]) -> Known:
    """Leave out the strays that stand for a whole step: the step's own rows find them there."""
    return replace(known, strays=[stray for stray in known.strays if stray not in whole])
