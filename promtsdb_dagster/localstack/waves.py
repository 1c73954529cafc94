"""Values that move, as pure functions of time: the history and the live exporter share them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Periods in seconds; primes, so that no two series repeat in step with each other.
_PERIODS = (86_399, 604_801, 21_599, 43_201, 5_807, 172_801, 10_007, 259_201)
SMOOTH_WAVES = len(_PERIODS)
ROUGH_WAVES = 4
WAVES = SMOOTH_WAVES + ROUGH_WAVES


def wave(number: int, instant: int, seed: int) -> float:
    """Return wave `number` at `instant` (unix seconds), between -1 and 1."""
    if number < SMOOTH_WAVES:
        period = _PERIODS[number]
        return math.sin((instant % period + (seed * 977) % period) * (2 * math.pi / period))
    mixed = (instant // 15 * 2_654_435_761 + (seed + number) * 40_503) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 15)) * 2_246_822_519) & 0xFFFFFFFF
    return (mixed ^ (mixed >> 13)) / 0x7FFFFFFF - 1.0


@dataclass(frozen=True)
class Instants:
    """Ascending unix seconds with every wave's value at each of them."""

    times: Sequence[int]
    waves: Sequence[Sequence[float]]

    @classmethod
    def at(cls, times: Sequence[int], seed: int) -> Instants:
        """Compute every wave at `times`."""
        return cls(times, [[wave(number, t, seed) for t in times] for number in range(WAVES)])

    def part(self, first: int, last: int) -> Instants:
        """Return the instants with index first <= i < last."""
        return Instants(self.times[first:last], [values[first:last] for values in self.waves])
