"""Plan the units of one run: every rule of a group, by its kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from promtsdb_dagster.core import plan
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.plan import LIVE, Policy, Scope, Task
from promtsdb_dagster.core.ports import Known, Question, Stray
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.strays import Steps, as_entries, question_of
from promtsdb_dagster.core.windows import Window


@dataclass(frozen=True)
class Scopes:
    """Hold what of a span the gauges and the cumulative metrics of a group may fetch."""

    gauges: Scope
    cumulative: Scope

    @property
    def windows(self) -> list[Window]:
        """Return what either kind may fetch."""
        return w.merge([*self.gauges.windows, *self.cumulative.windows])

    @property
    def skipped(self) -> list[tuple[Window, str]]:
        """Return what neither kind may fetch, and why."""
        return [*self.gauges.skipped, *self.cumulative.skipped]


@dataclass(frozen=True)
class Only:
    """Hold the part of a group that a run keeps to; what is empty limits nothing."""

    windows: tuple[Window, ...] = ()
    # Numbered where two rules share one.
    records: frozenset[str] = frozenset()


EVERYTHING = Only()


class Planner:
    """Say what is left of a group, at one moment."""

    def __init__(
        self,
        group: RuleGroup,
        groups: Mapping[str, RuleGroup],
        routing: Routing,
        policy: Policy,
        now: datetime,
        recheck: bool,
        only: Only = EVERYTHING,
    ) -> None:
        self.group = group
        self._only = only
        self._policy = policy
        self._now = now
        self._recheck = recheck
        self._rules = numbered(group.rules)
        self.cumulative = [
            record
            for record, rule in self._rules.items()
            if rule.record.lower() in routing.cumulative
        ]
        live = groups.get(LIVE)
        self._fine_rules = numbered(live.rules) if live else {}
        self._fine_step = min(live.step, group.step) if live else group.step
        self._steps = Steps(group.step, self._fine_step)
        self._coarse_steps = {
            record: other.step
            for other in groups.values()
            for record in numbered(other.rules)
            if other.name != LIVE and other.step > self._fine_step
        }
        self._settled = policy.settled(now, self._fine_step)

    def scopes(self, span: Window) -> Scopes:
        """Clip a span to what may be fetched; reasons that concern no rule are left out."""
        asked = w.intersect([span], self._only.windows) if self._only.windows else [span]
        gauges, cumulative = (
            plan.scope(self.group, asked, now=self._now, policy=self._policy, cumulative=kind)
            for kind in (False, True)
        )
        if not self.cumulative:
            return Scopes(gauges, Scope((), ()))
        if len(self.cumulative) == len(self._rules):
            return Scopes(Scope((), ()), cumulative)
        return Scopes(gauges, Scope(cumulative.windows, ()))

    def question(self, span: Window) -> Question:
        """Return what must be known to plan a span."""
        cumulative = tuple(self.cumulative)
        return Question(self.group.name, self.group.step, span, cumulative, self._fine_step)

    def left_to_others(self, span: Window, known: Known) -> list[tuple[Window, str]]:
        """Return where the live group leaves running totals to the group of whole hours."""
        if self.group.name != LIVE:
            return []
        starts = [
            plan.fine_from(
                self._live_since(record, known),
                self._settled,
                self._coarse_steps[record],
                self._fine_step,
            )
            for record in self.cumulative
            if record in self._coarse_steps
        ]
        left = w.between(span.start, min([span.end, *starts])) if starts else None
        return [(left, "running totals are left to the group of whole hours")] if left else []

    def tasks(self, scopes: Scopes, known: Known) -> list[Task]:
        """Return what the ledger does not hold yet; strays count as minutes that it holds."""
        tasks: list[Task] = []
        strays = self.strays(known)
        for record, rule in self._rules.items():
            if self._only.records and record not in self._only.records:
                continue
            if record not in self.cumulative:
                tasks += plan.plan_gauge(
                    rule,
                    record,
                    self.group.step,
                    scopes.gauges.windows,
                    known.entries,
                    recheck=self._recheck,
                )
                continue
            tasks += plan.plan_cumulative(
                rule,
                record,
                self.group.step,
                scopes.cumulative.windows,
                [
                    *known.entries,
                    *as_entries(record, strays[record], self._steps, self._fine_rules.get(record)),
                ],
                fine_rule=self._fine_rules.get(record),
                fine_step=self._fine_step,
                live_since=self._live_since(record, known),
                settled=self._settled,
                coarse_step=self._coarse_steps.get(record),
                recheck=self._recheck,
            )
        return tasks

    def _live_since(self, record: str, known: Known) -> datetime | None:
        return known.live_since.get(self._rules[record].record.lower())

    def doubts(self, known: Known) -> list[Task]:
        """Return what must be fetched to tell what the strays are; most often nothing."""
        return [
            task
            for record, strays in self.strays(known).items()
            for task in question_of(self._rules[record], record, strays, self._steps)
        ]

    def strays(self, known: Known) -> dict[str, list[Stray]]:
        """Return the strays by record."""
        names = {record: self._rules[record].record.lower() for record in self.cumulative}
        return {
            record: [stray for stray in known.strays if stray.name == name]
            for record, name in names.items()
        }


def numbered(rules: Sequence[Rule]) -> dict[str, Rule]:
    """Return the rules by record, the second of the same record as `record#2`."""
    seen: Counter[str] = Counter()
    by_record = {}
    for rule in rules:
        seen[rule.record] += 1
        count = seen[rule.record]
        by_record[rule.record if count == 1 else f"{rule.record}#{count}"] = rule
    return by_record


def units_of(
    partitions: Sequence[Window], step: timedelta, instants_per_unit: int
) -> list[tuple[Window, ...]]:
    """Group adjoining partitions into units of work, each committed as a whole."""
    grouped: list[list[Window]] = []
    size = 0
    for partition in sorted(partitions):
        instants = w.count_instants(partition, step)
        adjoins = bool(grouped) and grouped[-1][-1].end == partition.start
        if adjoins and size + instants <= instants_per_unit:
            grouped[-1].append(partition)
            size += instants
        else:
            grouped.append([partition])
            size = instants
    return [tuple(group) for group in grouped]
