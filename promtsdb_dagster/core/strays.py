"""Tell whether a row of a running total that no entry explains is a minute's or a whole step's.

Live rows that come late, from before the live start, count for their minute, and the backfill
completes their hour by the minute. A row that somebody replayed by hand may stand for its hour.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.plan import LIVE, Entry, Task
from promtsdb_dagster.core.ports import Part, Stray
from promtsdb_dagster.core.rules import Rule
from promtsdb_dagster.core.windows import EPOCH, Window


@dataclass(frozen=True)
class Steps:
    """Hold the step of a group and that of the live rows."""

    group: timedelta
    fine: timedelta


def as_entries(
    record: str, strays: Iterable[Stray], steps: Steps, fine_rule: Rule | None
) -> list[Entry]:
    """Return minutes that count already, in the form of entries.

    They are open: another series of the metric may lack the same minute.
    """
    windows = w.merge(Window(s.instant, s.instant + steps.fine) for s in strays)
    key = fine_rule.key if fine_rule else ""
    return [Entry(LIVE, key, record, steps.fine, window, fine_rule is None) for window in windows]


def doubtful(strays: Sequence[Stray], steps: Steps) -> list[Stray]:
    """Return those at the group's instants that have no live row beside them."""
    instants = {stray.instant for stray in strays}
    return [
        stray
        for stray in strays
        if w.floor(stray.instant, steps.group) == stray.instant
        and not instants & {stray.instant - steps.fine, stray.instant + steps.fine}
    ]


def question_of(rule: Rule, record: str, strays: Sequence[Stray], steps: Steps) -> list[Task]:
    """Return the task whose answer says what the doubtful ones are."""
    found = doubtful(strays, steps)
    if not found:
        return []
    hull = Window(found[0].instant, found[-1].instant + steps.group)
    return [Task(hull, rule, steps.group, record, True)]


def whole_steps(strays: Mapping[str, Sequence[Stray]], parts: Iterable[Part]) -> set[Stray]:
    """Return the strays, by record, that hold exactly what the source says of the whole step.

    Where the whole step equals one minute of it, the rest of it is zero: both readings are right.
    """
    proven = set()
    for task, part in parts:
        sums: defaultdict[datetime, Decimal] = defaultdict(Decimal)
        for series in part.series:
            for second, value in zip(series.times, series.values, strict=True):
                sums[EPOCH + timedelta(seconds=second)] += Decimal(value)
        proven |= {
            stray for stray in strays.get(task.record, ()) if sums.get(stray.instant) == stray.value
        }
    return proven
