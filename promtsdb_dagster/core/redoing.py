"""Say what must be fetched to make anew what is stored of metrics in a window.

What an entry of the ledger covers is done again by its group, at its step. What live rows brought
is done by the live rules. What was never done is left to an ordinary backfill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.plan import LIVE, Entry, Policy, Task, covered
from promtsdb_dagster.core.planner import numbered
from promtsdb_dagster.core.ports import Known
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import InputError


class Redo:
    """Plan replacements of some metrics, at one moment."""

    def __init__(
        self,
        groups: Mapping[str, RuleGroup],
        routing: Routing,
        policy: Policy,
        names: tuple[str, ...],
        now: datetime,
    ) -> None:
        self.names = names
        self._groups = groups
        self._policy = policy
        self._cumulative = frozenset(names) & routing.cumulative
        self._rules = {
            group.name: {
                record: rule
                for record, rule in numbered(group.rules).items()
                if rule.record.lower() in names
            }
            for group in groups.values()
        }
        live = groups.get(LIVE)
        self.fine_step = live.step if live else min(group.step for group in groups.values())
        self._settled = policy.settled(now, self.fine_step)
        self._floor = w.ceil(now - policy.retention, timedelta(hours=1))

    @property
    def is_cumulative(self) -> bool:
        """Return whether any of the metrics is added up."""
        return bool(self._cumulative)

    def clip(self, window: Window) -> tuple[Window | None, list[tuple[Window, str]]]:
        """Return what of a window can be replaced, and the reasons for the rest."""
        skipped = []
        allowed: Window | None = w.between(
            w.ceil(window.start, self.fine_step),
            min(w.ceil(window.end, self.fine_step), self._settled),
        )
        if len(self._cumulative) < len(self.names):
            days = self._policy.retention.days
            gone = w.between(window.start, min(window.end, self._floor))
            if gone:
                skipped.append((gone, f"older than the retention of {days} days"))
            allowed = allowed and w.between(max(allowed.start, self._floor), allowed.end)
        return allowed, skipped

    def tasks(self, window: Window, known: Known) -> list[Task]:
        """Return what makes the window anew; raises InputError where nobody can say."""
        strays = [stray for stray in known.strays if stray.name in self._cumulative]
        if strays:
            raise InputError(
                f"{len(strays)} rows of {strays[0].name!r}, the first at {strays[0].instant}, came "
                "before the live start and no entry of the ledger explains them; run the ordinary "
                "backfill over the same range first, then replace"
            )
        tasks: list[Task] = []
        for entry in known.entries:
            part = entry.window.meet(window)
            if part:
                tasks += self._again(entry, _whole(entry, part))
        for name in self.names:
            start = known.live_since.get(name)
            since = w.between(max(start, window.start), window.end) if start else None
            # Live rows that were held up before the live start.
            held_up = [_minute(s.instant, self.fine_step) for s in known.strays if s.name == name]
            by_the_minute = w.merge([*held_up, *([since] if since else [])])
            if by_the_minute:
                tasks += self._live(name, by_the_minute, known.entries)
        return _disjoint(tasks)

    def _again(self, entry: Entry, part: Window) -> list[Task]:
        rules = self._rules_of(entry.group, _name(entry.record))
        if entry.step != self._groups[entry.group].step:
            raise InputError(
                f"{entry.record!r} was done every {entry.step} in {entry.window} by the group "
                f"{entry.group!r}, whose interval is {self._groups[entry.group].step} now; give "
                "it the interval of before until the range is replaced"
            )
        # A rule that is numbered otherwise now may be any of them.
        chosen = {entry.record: rules[entry.record]} if entry.record in rules else rules
        return [self._task(rule, record, entry.step, part) for record, rule in chosen.items()]

    def _live(self, name: str, windows: Iterable[Window], entries: Iterable[Entry]) -> list[Task]:
        tasks = []
        for record, rule in self._rules_of(LIVE, name).items():
            done = [
                covered(entry, self.fine_step)
                for entry in entries
                if entry.record == record and (name in self._cumulative or entry.group == LIVE)
            ]
            tasks += [
                self._task(rule, record, self.fine_step, part) for part in w.subtract(windows, done)
            ]
        return tasks

    def _rules_of(self, group: str, name: str) -> dict[str, Rule]:
        rules = {
            record: rule
            for record, rule in self._rules.get(group, {}).items()
            if rule.record.lower() == name
        }
        if not rules:
            raise InputError(
                f"the group {group!r} has brought {name!r} and has no rule for it any more, wanted "
                "one, since nothing else can say what its rows should be; add it to the rule files"
            )
        return rules

    def _task(self, rule: Rule, record: str, step: timedelta, window: Window) -> Task:
        return Task(window, rule, step, record, rule.record.lower() in self._cumulative)


def _name(record: str) -> str:
    return record.partition("#")[0].lower()


def _whole(entry: Entry, part: Window) -> Window:
    """Return a part of an entry with what beside it holds no instant of its step."""
    before = w.between(entry.window.start, part.start)
    after = w.between(part.end, entry.window.end)
    return Window(
        part.start if before and w.count_instants(before, entry.step) else entry.window.start,
        part.end if after and w.count_instants(after, entry.step) else entry.window.end,
    )


def _minute(instant: datetime, step: timedelta) -> Window:
    start = w.floor(instant, step)
    return Window(start, start + step)


def _disjoint(tasks: Iterable[Task]) -> list[Task]:
    """Return the same work with each instant once a rule: entries of edited rules may overlap."""
    taken: defaultdict[tuple[str, str], list[Window]] = defaultdict(list)
    found = []
    for task in sorted(tasks, key=lambda task: task.order):
        mine = taken[task.rule.group, task.record]
        for part in w.subtract([task.window], mine):
            if w.count_instants(part, task.step):
                found.append(Task(part, task.rule, task.step, task.record, task.cumulative))
        mine.append(task.window)
    return sorted(found, key=lambda task: task.order)
