"""What a fault is, and what came of one try."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from faults.oracle import Difference
from faults.world import World

ITSELF = "itself"
BOTH = ("postgresql", "timescaledb")


@dataclass(frozen=True)
class Try:
    """What one try left behind: rows that are not there, that count twice, that are not right.

    `seconds` go from the end of the fault until all was right; `note` says where it struck.
    """

    lost: int
    doubled: int
    wrong: int
    seconds: float
    note: str = ""

    @property
    def right(self) -> bool:
        """Say whether nothing is left of the fault."""
        return not (self.lost or self.doubled or self.wrong)

    @classmethod
    def of(cls, found: Difference, seconds: float, note: str = "") -> Try:
        """Return the try that left such a difference."""
        return cls(found.lost, found.doubled, found.wrong, seconds, note)


@dataclass(frozen=True)
class Fault:
    """One way to hurt the system, and how it gets well: by itself or by one named action."""

    name: str
    what: str
    engines: tuple[str, ...]
    # How often, by form: "short" and "long".
    tries: Mapping[str, int]
    # Programs without which it cannot be tried.
    needs: tuple[str, ...]
    run: Callable[[World, random.Random], Try]
    ends_by: str = ITSELF
