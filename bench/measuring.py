"""Measure several ways of doing the same thing, side by side.

Machines are noisy: only ratios of ways that took turns in one run mean something.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Timings:
    """The seconds of each round of one way."""

    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Return the median in seconds."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """Return the 95th percentile in seconds: the nearest rank, so of few rounds the worst."""
        return percentile(self.seconds, 95)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def ratio(one: Timings, other: Timings) -> float:
    """Return how many times as long `one` took as `other`: the median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(one.seconds, other.seconds, strict=True))


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def alternate(
    ways: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 1
) -> dict[str, Timings]:
    """Run all ways in turn in each round, another one first each time.

    A way that returns a float has timed itself: that many seconds count, not its whole duration.
    """
    names = list(ways)
    found = {name: Timings() for name in names}
    for number in range(warm_up + rounds):
        first = number % len(names) if names else 0
        # Once a round: with Dagster's modules loaded it takes longer than many a way.
        gc.collect()
        for name in names[first:] + names[:first]:
            seconds = _seconds(ways[name])
            if number >= warm_up:
                found[name].seconds.append(seconds)
    return found


def _seconds(way: Callable[[], object]) -> float:
    started = time.perf_counter()
    told = way()
    taken = time.perf_counter() - started
    return told if isinstance(told, float) else taken
