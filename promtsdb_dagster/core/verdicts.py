"""What a check found, and which windows a check looks into that cannot look at everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.plan import LIVE
from promtsdb_dagster.core.planner import numbered
from promtsdb_dagster.core.rules import RuleGroup
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.windows import Window

Fact = int | float | str | Sequence[str] | Mapping[str, int]


@dataclass(frozen=True)
class Verdict:
    """Hold what a check found: sentences that say what is wrong, and what to do about it."""

    # What is said where nothing is wrong.
    fine: str
    severe: Sequence[str] = ()
    minor: Sequence[str] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Return whether nothing is wrong."""
        return not (self.severe or self.minor)

    @property
    def text(self) -> str:
        """Return what is wrong, the worst first, or that nothing is."""
        return "; ".join([*self.severe, *self.minor]) or self.fine


@dataclass(frozen=True)
class Names:
    """Hold what the rule files say of the metrics, in lower case."""

    live: frozenset[str] = frozenset()
    cumulative: frozenset[str] = frozenset()
    # Those that more than one rule of a group makes: their series belong side by side.
    several: frozenset[str] = frozenset()
    # At what age a live row must have come.
    patience: timedelta = timedelta(minutes=5)


def names_of(groups: Mapping[str, RuleGroup], routing: Routing, patience: timedelta) -> Names:
    """Return what the rules and the routing lists say."""
    live = groups.get(LIVE)
    return Names(
        frozenset(rule.record.lower() for rule in live.rules) if live else frozenset(),
        routing.cumulative,
        frozenset(
            rule.record.lower()
            for group in groups.values()
            for record, rule in numbered(group.rules).items()
            if "#" in record
        ),
        patience,
    )


def sample(rng: Random, whole: Window, size: timedelta, count: int) -> list[Window]:
    """Return windows at random, sorted and merged: half from the newest day, half from all.

    Each begins at a multiple of its size since the epoch and is whole.
    """
    # Two days hold a whole one, however they lie.
    day = max(timedelta(days=1), 2 * size)
    newest = Window(max(whole.start, whole.end - day), whole.end)
    found = []
    for number in range(count):
        first, last = _edges(whole if number % 2 else newest, size)
        if first < last:
            start = first + rng.randrange((last - first) // size) * size
            found.append(Window(start, start + size))
    return w.merge(found)


def _edges(window: Window, size: timedelta) -> tuple[datetime, datetime]:
    return w.ceil(window.start, size), w.floor(window.end, size)


def some(names: Sequence[str], most: int = 5) -> str:
    """Return the first of many names, and how many there are besides."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
