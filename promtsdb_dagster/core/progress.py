"""Say how far long work is, how fast it goes lately, and how long the rest may take."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

# Units of work differ: the time left supposes that the rest goes as the last half minute did.
_RECENT_SECONDS = 30.0


@dataclass(frozen=True)
class Pace:
    """Hold how far work is; `amount` counts what it moves, mostly rows."""

    done: int
    total: int
    amount: int
    seconds: float
    # Lately; None before anything is done.
    amount_per_second: float | None
    seconds_left: float | None

    @property
    def percent(self) -> int:
        """Return whole percents; 100 only when all is done."""
        return 100 * self.done // self.total if self.total else 100


class Stopwatch:
    """Turn marks of one piece of work into its pace; seconds are of any clock that only grows."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._marks = deque([(began, 0, 0)])

    def mark(self, at: float, done: int, total: int, amount: int = 0) -> Pace:
        """Return the pace at a moment at which so much is done."""
        self._marks.append((at, done, amount))
        # The oldest mark is the last one that is no longer recent.
        while at - self._marks[1][0] >= _RECENT_SECONDS:
            self._marks.popleft()
        since, done_then, amount_then = self._marks[0]
        took, moved = at - since, done - done_then
        return Pace(
            done,
            total,
            amount,
            at - self._began,
            (amount - amount_then) / took if took > 0 and done else None,
            took / moved * (total - done) if moved > 0 else None,
        )
