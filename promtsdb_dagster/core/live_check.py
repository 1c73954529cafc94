"""Compare live rows with what the source holds, rule by rule and hour by hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.fetching import Fetcher
from promtsdb_dagster.core.gaps import (
    HOUR,
    Comparison,
    Gap,
    Horizon,
    LiveState,
    LiveStore,
    first_owed,
    gap_of,
    in_turn,
    merge_gaps,
    windows_to_check,
)
from promtsdb_dagster.core.plan import Policy, Task
from promtsdb_dagster.core.planner import numbered
from promtsdb_dagster.core.ports import Part, Source
from promtsdb_dagster.core.rules import RuleGroup
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import RuleError, SourceIncomplete, SourceRejected, SourceTooLarge

_FETCHERS = 4


@dataclass
class LiveReport:
    """Hold what a comparison found."""

    live_since: datetime | None = None
    hours: int = 0
    rows: int = 0
    rows_missing: Counter[str] = field(default_factory=Counter)
    rows_taken: Counter[str] = field(default_factory=Counter)
    rows_differing: Counter[str] = field(default_factory=Counter)
    # Of those, the ones of running totals.
    totals_differing: Counter[str] = field(default_factory=Counter)
    # Rules that could not be compared, and why.
    problems: dict[str, str] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    # Hours with known gaps for which no time was left; their gaps are told as they were.
    hours_left: int = 0
    # Cumulative metrics that the source has and that never had a live row, while others had.
    never_live: tuple[str, ...] = ()

    @property
    def missing(self) -> list[Window]:
        """Return the minutes that are to be repaired."""
        return w.merge(window for gap in self.gaps for window in gap.missing)

    @property
    def absent(self) -> list[Window]:
        """Return the minutes that some rule lacks in the source itself."""
        return w.merge(window for gap in self.gaps for window in gap.absent)


class LiveCheck:
    """Say which live rows are missing, and remember it."""

    def __init__(
        self,
        source: Source,
        store: LiveStore,
        group: RuleGroup,
        routing: Routing,
        policy: Policy,
        *,
        patience: timedelta,
    ) -> None:
        """Take `patience` for the time after which a live row must have arrived."""
        self._source = source
        self._store = store
        self._step = group.step
        self._rules = numbered(group.rules)
        self._several = {
            rule.record.lower() for record, rule in self._rules.items() if "#" in record
        }
        self._routing = routing
        self._policy = policy
        self._patience = max(patience, policy.settle)

    def run(self, now: datetime, has_time: Callable[[], bool] = lambda: True) -> LiveReport:
        """Compare what was not compared yet, the last hour, and what was missing before.

        What was missing before is done while there is time, and goes on with the rest next time.
        Safe to repeat; raises what the source and the store raise, with every hour before that
        remembered.
        """
        state = self._store.live_state()
        report = LiveReport(min(state.live_since.values(), default=None))
        if report.live_since is None:
            return report
        horizon = Horizon(w.floor(now - self._patience, self._step))
        self._store.note(
            [Gap(gap.record, gap.hour) for gap in state.gaps if gap.record not in self._rules], {}
        )
        owed_from = {
            record: start
            for record in self._rules
            if (start := self._first_owed(record, state, horizon))
        }
        # Remembered at once: the first hour may not be over yet.
        self._store.begin({r: at for r, at in owed_from.items() if r not in state.owed_from})
        todo = {
            record: windows_to_check(record, start, state, horizon)
            for record, start in owed_from.items()
        }
        # What is new comes in its order and whole: a rule is done up to where nothing was left out.
        fresh = _hours_of(
            windows_to_check(record, start, replace(state, gaps=()), horizon)
            for record, start in owed_from.items()
        )
        again = _hours_of(todo.values()) - fresh
        hours = [*sorted(fresh), *(hour for hour in in_turn(state.gaps) if hour in again)]
        reached = {
            record: state.checked_until.get(record, w.floor(start, HOUR))
            for record, start in owed_from.items()
        }
        with ThreadPoolExecutor(_FETCHERS, "fetch") as askers:
            fetcher = Fetcher(self._source, self._routing, askers, self._policy.rows_per_unit)
            report.never_live = self._never_live(state, horizon, fetcher)
            for number, hour in enumerate(hours):
                if number >= len(fresh) and not has_time():
                    left = set(hours[number:])
                    report.hours_left = len(left)
                    report.gaps += [gap for gap in state.gaps if gap.hour in left]
                    break
                found = self._check_hour(hour, todo, state, fetcher, report)
                further: dict[str, datetime] = {}
                # The last hour may lie beyond.
                if hour + HOUR <= horizon.end:
                    next_to = {gap.record for gap in found if reached[gap.record] == hour}
                    further = dict.fromkeys(next_to, hour + HOUR)
                self._store.note(found, further)
                reached |= further
        return report

    def _check_hour(
        self,
        hour: datetime,
        todo: Mapping[str, Sequence[Window]],
        state: LiveState,
        fetcher: Fetcher,
        report: LiveReport,
    ) -> list[Gap]:
        whole = Window(hour, hour + HOUR)
        tasks = [
            Task(window, self._rules[record], self._step, record, self._is_total(record))
            for record, windows in todo.items()
            for window in w.intersect([whole], windows)
        ]
        found = merge_gaps(self._compare(tasks, hour, state, fetcher, report), state.gaps)
        report.hours += 1
        report.gaps += [gap for gap in found if gap.missing or gap.absent]
        return found

    def _compare(
        self,
        tasks: Sequence[Task],
        hour: datetime,
        state: LiveState,
        fetcher: Fetcher,
        report: LiveReport,
    ) -> list[Gap]:
        try:
            parts = fetcher.fetch(tasks)
        except (SourceTooLarge, SourceRejected, SourceIncomplete, RuleError) as problem:
            if len(tasks) < 2:
                # One rule that cannot be evaluated must not keep the others from being compared.
                report.problems[tasks[0].record] = str(problem)
                return []
            middle = len(tasks) // 2
            halves = (tasks[:middle], tasks[middle:])
            return [
                gap for half in halves for gap in self._compare(half, hour, state, fetcher, report)
            ]
        comparisons = self._store.compare(parts, self._several)
        for part, comparison in zip(parts, comparisons, strict=True):
            _count(report, part, comparison)
        return [
            gap_of(
                task.record,
                hour,
                task.window,
                (task, converted),
                comparison,
                live=task.rule.record.lower() in state.live_since,
            )
            for (task, converted), comparison in zip(parts, comparisons, strict=True)
        ]

    def _first_owed(self, record: str, state: LiveState, horizon: Horizon) -> datetime | None:
        name = self._rules[record].record.lower()
        return first_owed(record, name, state, horizon, cumulative=self._is_total(record))

    def _never_live(self, state: LiveState, horizon: Horizon, fetcher: Fetcher) -> tuple[str, ...]:
        """Return the cumulative rules that the source has samples for, and never a live row."""
        last = Window(horizon.end - HOUR, horizon.end)
        tasks = [
            Task(last, rule, self._step, record, True)
            for record, rule in self._rules.items()
            if self._is_total(record) and rule.record.lower() not in state.live_since
        ]
        return tuple(sorted(task.record for task, part in fetcher.fetch(tasks) if part.rows))

    def _is_total(self, record: str) -> bool:
        return self._rules[record].record.lower() in self._routing.cumulative


def _hours_of(lists: Iterable[Iterable[Window]]) -> set[datetime]:
    return {
        piece.start
        for windows in lists
        for window in windows
        for piece in w.split(Window(w.floor(window.start, HOUR), window.end), HOUR)
    }


def _count(report: LiveReport, part: Part, comparison: Comparison) -> None:
    task, converted = part
    report.rows += converted.rows
    name = task.rule.record.lower()
    for counter, count in (
        (report.rows_missing, sum(comparison.lacking.values())),
        (report.rows_taken, sum(comparison.taken.values())),
        (report.rows_differing, comparison.differing),
        (report.totals_differing, comparison.differing if task.cumulative else 0),
    ):
        if count:
            counter[name] += count
