"""Decide which windows a backfill still has to do, at which step, and why not the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.windows import Window

DAY = timedelta(days=1)
LIVE = "live"


@dataclass(frozen=True)
class Ages:
    """Say how old the windows of a group may be: `coarse` is older, `fine` younger than a week."""

    coarse: bool = False
    fine: bool = False


# A group that is not named here takes windows of every age.
AGES: Mapping[str, Ages] = {
    "backfill_1y": Ages(coarse=True),
    "backfill_1w": Ages(fine=True),
}


@dataclass(frozen=True)
class Policy:
    """Hold the limits of a backfill."""

    history_start: datetime
    retention: timedelta = timedelta(days=365)
    coarse_age: timedelta = timedelta(days=7)
    settle: timedelta = timedelta(seconds=60)
    concurrency: int = 2
    # Rows of one transaction that are held in memory; about 200 bytes each.
    rows_per_unit: int = 500_000
    # Eight weeks by the hour. A query costs 1 ms whatever its length, but from there on Prometheus
    # takes more for longer ones: for a year at once half as much again.
    instants_per_unit: int = 1_344

    def boundary(self, now: datetime) -> datetime:
        """Return the midnight, UTC, from which on windows count as fine.

        A midnight, so that a daily partition belongs to one group only.
        """
        return w.floor(now, DAY) - self.coarse_age

    def settled(self, now: datetime, step: timedelta) -> datetime:
        """Return the end, exclusive, of what can be fetched now."""
        return w.floor(now - self.settle, step) + step


@dataclass(frozen=True)
class Entry:
    """Hold one line of the ledger: a window of a rule that was committed at this step."""

    group: str
    rule: str
    record: str
    step: timedelta
    window: Window
    verified: bool


@dataclass(frozen=True)
class Task:
    """Hold one rule over one window, to be fetched and written."""

    window: Window
    rule: Rule
    step: timedelta
    # Two rules of a group may share a record; numbered, the pair stays apart in the ledger.
    record: str
    cumulative: bool = False

    @property
    def order(self) -> tuple[Window, str, str, str]:
        """Return a sort key: tasks of one plan always come in the same order."""
        return self.window, self.record, self.rule.key, self.rule.group


@dataclass(frozen=True)
class Scope:
    """Hold what of a request can be done at all, and the reasons for the rest."""

    windows: tuple[Window, ...]
    skipped: tuple[tuple[Window, str], ...]


def scope(
    group: RuleGroup,
    requested: Sequence[Window],
    *,
    now: datetime,
    policy: Policy,
    cumulative: bool,
) -> Scope:
    """Clip the requested windows to what the group may fetch.

    Cumulative metrics have no retention, and their end is not clipped here: what of a step is
    settled is for `plan_cumulative` to say.
    """
    ages = AGES.get(group.name, Ages())
    boundary = policy.boundary(now)
    limits: list[tuple[datetime | None, datetime | None, str]] = [
        (policy.history_start, None, f"before BACKFILL_START {policy.history_start:%Y-%m-%d}"),
    ]
    if not cumulative:
        settled = policy.settled(now, group.step)
        limits.append((None, settled, f"not settled at {now:%Y-%m-%dT%H:%M:%SZ}"))
        floor = w.ceil(now - policy.retention, group.step)
        limits.append((floor, None, f"older than the retention of {policy.retention.days} days"))
    days = policy.coarse_age.days
    if ages.coarse:
        limits.append((None, boundary, f"younger than {days} days, a finer group has it"))
    if ages.fine:
        limits.append((boundary, None, f"older than {days} days, a coarser group has it"))
    kept = w.merge(requested)
    skipped: list[tuple[Window, str]] = []
    for start, end, reason in limits:
        inside: list[Window] = []
        for window in kept:
            allowed = w.between(start or window.start, end or window.end)
            part = allowed and window.meet(allowed)
            inside.extend([part] if part else [])
            outside = w.subtract([window], [part] if part else [])
            skipped.extend((piece, reason) for piece in outside)
        kept = inside
    return Scope(tuple(kept), tuple(skipped))


def plan_gauge(
    rule: Rule,
    record: str,
    step: timedelta,
    wanted: Iterable[Window],
    ledger: Iterable[Entry],
    *,
    recheck: bool = False,
) -> list[Task]:
    """Return what of the wanted windows the ledger does not hold as verified."""
    done = (
        entry.window
        for entry in ledger
        if entry.verified and (entry.group, entry.rule, entry.step) == (rule.group, rule.key, step)
    )
    todo = w.merge(wanted) if recheck else w.subtract(wanted, done)
    return [Task(window, rule, step, record) for window in todo if w.count_instants(window, step)]


def plan_cumulative(
    rule: Rule,
    record: str,
    step: timedelta,
    wanted: Iterable[Window],
    ledger: Sequence[Entry],
    *,
    fine_rule: Rule | None,
    fine_step: timedelta,
    live_since: datetime | None,
    settled: datetime,
    coarse_step: timedelta | None = None,
    recheck: bool = False,
) -> list[Task]:
    """Return the tasks that make every moment count exactly once in a running total.

    A sample at t stands for (t - step, t], so samples at two steps may not share a moment.
    Whole steps that nothing covers are done at `step`; what is left of a step that is covered
    in part, or that is not over at `settled` (exclusive), is done at `fine_step`. From
    `live_since` on the live rows count, and only the live group itself may fill their gaps.
    With a `coarse_step` another group has the whole steps before that, and the live group leaves
    them to it: which rows there are must not depend on which group ran first.
    The wanted windows may reach past `settled`.
    """
    mine = [entry for entry in ledger if entry.record == record]
    asked: list[Window] = []
    for window in wanted:
        end = min(w.ceil(window.end, step) - step + fine_step, settled)
        if rule.group != LIVE and live_since is not None:
            end = min(end, live_since)
        start = w.ceil(window.start, step) - step + fine_step
        if rule.group == LIVE and coarse_step is not None:
            start = max(start, fine_from(live_since, settled, coarse_step, fine_step))
        asked_window = w.between(start, end)
        asked.extend([asked_window] if asked_window else [])
    tasks = []
    for piece in w.subtract(asked, (covered(entry, fine_step) for entry in mine)):
        tasks.extend(_by_steps(piece, rule, record, step, fine_rule, fine_step))
    # A window that was committed but never verified is done again as it was: at another step
    # it would count twice.
    rules = {candidate.key: candidate for candidate in (rule, fine_rule) if candidate}
    # What a rule that was edited since left open is done by the rule of today; what is done stays.
    by_step = {fine_step: fine_rule, step: rule}
    for entry in mine:
        mended = rules.get(entry.rule) or (None if entry.verified else by_step.get(entry.step))
        again = recheck or not entry.verified
        if again and mended and w.intersect([covered(entry, fine_step)], asked):
            tasks.append(Task(entry.window, mended, entry.step, record, True))
    # Strays of a minute that an open entry has too are the same task.
    return sorted(dict.fromkeys(tasks), key=lambda task: task.order)


def fine_from(
    live_since: datetime | None, settled: datetime, coarse_step: timedelta, fine_step: timedelta
) -> datetime:
    """Return the first fine instant after the last whole coarse step before live or now."""
    edge = min(live_since or settled, settled)
    return w.floor(edge - fine_step, coarse_step) + fine_step


def _by_steps(
    piece: Window,
    rule: Rule,
    record: str,
    step: timedelta,
    fine_rule: Rule | None,
    fine_step: timedelta,
) -> list[Task]:
    """Cut fine instants into whole steps and what is left of them at both ends."""
    first = w.ceil(piece.start - fine_step, step)
    last = w.floor(piece.end - fine_step, step)
    whole = w.between(first + step, last + step)
    tasks = [Task(whole, rule, step, record, True)] if whole else []
    edges = [
        w.between(piece.start, first + fine_step),
        w.between(last + fine_step, piece.end),
    ]
    if fine_rule is not None:
        for edge in edges if whole else [piece]:
            tasks.extend([Task(edge, fine_rule, fine_step, record, True)] if edge else [])
    return tasks


def covered(entry: Entry, fine_step: timedelta) -> Window:
    """Return the fine instants whose moments the entry's samples stand for."""
    first = w.ceil(entry.window.start, entry.step)
    last = w.ceil(entry.window.end, entry.step) - entry.step
    return Window(first - entry.step + fine_step, last + fine_step)
