"""Say which partitions the ledger alone proves to be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.planner import Planner, numbered
from promtsdb_dagster.core.ports import Known, Store
from promtsdb_dagster.core.rules import RuleGroup
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.windows import Window


def done_partitions(
    group: str,
    partitions: Iterable[Window],
    store: Store,
    groups: Mapping[str, RuleGroup],
    routing: Routing,
    policy: Policy,
    now: datetime,
) -> list[Window]:
    """Return the partitions in which every rule of a group is verified, oldest first.

    One that is not over, and one in which the source had nothing for a rule, is not among them: a
    run finds that out. What retention has dropped of gauges since is not asked for.
    """
    planner = Planner(groups[group], groups, routing, policy, now, recheck=False)
    step = planner.group.step
    over = sorted(part for part in partitions if part.end <= policy.settled(now, step))
    if not over:
        return []
    hull = Window(over[0].start, over[-1].end)
    known = store.known(planner.question(hull))
    tasks = planner.tasks(planner.scopes(hull), known)
    owed = [
        # Minutes before a partition belong to its first hour.
        Window(task.window.start, task.window.end + (step if task.step < step else 0 * step))
        for task in tasks
        if task.cumulative
    ]
    owed += _owed_gauges(planner, over, known, policy, now)
    return [part for part in over if not w.intersect([part], owed)]


def _owed_gauges(
    planner: Planner, over: Sequence[Window], known: Known, policy: Policy, now: datetime
) -> list[Window]:
    """Return what is not verified, also where the group would leave it to another by its age."""
    group = planner.group
    floor = max(w.ceil(now - policy.retention, group.step), policy.history_start)
    # What is too old as a whole counts by what was done at its time.
    wanted = w.merge(w.between(max(p.start, floor), p.end) or p for p in over)
    owed = []
    for record, rule in numbered(group.rules).items():
        if record in planner.cumulative:
            continue
        done = [
            entry.window
            for entry in known.entries
            if entry.verified
            and (entry.group, entry.rule, entry.step) == (group.name, rule.key, group.step)
        ]
        owed += [part for part in w.subtract(wanted, done) if w.count_instants(part, group.step)]
    return w.merge(owed)
