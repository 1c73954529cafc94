"""Source series and the shapes they can have: gauge, counter, constant, amount in a label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from promtsdb_dagster.localstack.waves import ROUGH_WAVES, SMOOTH_WAVES, Instants

Labels = tuple[tuple[str, str], ...]

# One run of samples: labels to add, and the values at consecutive instants.
Run = tuple[Labels, list[str]]


@dataclass(frozen=True)
class Gauge:
    """A level that swings smoothly and trembles; `decimals` digits."""

    level: float
    swing: float
    noise: float
    smooth: int = 0
    rough: int = 0
    decimals: int = 3

    def runs(self, instants: Instants) -> Iterator[Run]:
        """Yield one run with the values at all instants."""
        smooth = instants.waves[self.smooth % SMOOTH_WAVES]
        rough = instants.waves[SMOOTH_WAVES + self.rough % ROUGH_WAVES]
        level, swing, noise, spec = self.level, self.swing, self.noise, f".{self.decimals}f"
        yield (
            (),
            [
                format(level + swing * a + noise * b, spec)
                for a, b in zip(smooth, rough, strict=True)
            ],
        )


@dataclass(frozen=True)
class Counter:
    """A whole number that grows by `per_second` since `origin` (unix seconds)."""

    base: int
    per_second: float
    origin: int = 1_683_676_800

    def runs(self, instants: Instants) -> Iterator[Run]:
        """Yield one run with the values at all instants."""
        base, rate, origin = self.base, self.per_second, self.origin
        yield (), [str(base + int(rate * (t - origin))) for t in instants.times]


@dataclass(frozen=True)
class Constant:
    """A value that never changes."""

    value: str

    def runs(self, instants: Instants) -> Iterator[Run]:
        """Yield one run with the same value at all instants."""
        yield (), [self.value] * len(instants.times)


@dataclass(frozen=True)
class Amount:
    """An exact whole number in a label, changing every `every_seconds`; the sample is 1."""

    label: str
    base: int
    step: int
    every_seconds: int
    origin: int = 1_683_678_034

    def amount(self, instant: int) -> int:
        """Return the amount at `instant` (unix seconds)."""
        periods = (instant - self.origin) // self.every_seconds
        # The residue makes the last digits change too, where a float64 could not follow.
        return self.base + self.step * periods + periods * periods % 997

    def runs(self, instants: Instants) -> Iterator[Run]:
        """Yield one run for each value of the label."""
        for amount, group in groupby(instants.times, self.amount):
            yield ((self.label, str(amount)),), ["1"] * sum(1 for _ in group)


Shape = Gauge | Counter | Constant | Amount


@dataclass(frozen=True)
class SourceSeries:
    """One series of the source; `gone`, `late`, `broken` say when it has no samples."""

    name: str
    labels: Labels
    shape: Shape
    gone: bool = False
    late: bool = False
    broken: bool = False
