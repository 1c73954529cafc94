"""Say where each metric and hour is drawn, how high, and in which look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from promtsdb_dagster.core.coverage import Coverage, Kind, Row, State

MARGIN, LEGEND, TOP, LABELS, SHARE = 20, 82, 134, 262, 58
ROW, GAP, HEAD = 16, 3, 32
FONT, TITLE = 13, 22
MOST_COLUMNS = 190
# Dagster shows pictures as they are, in a dialog of four fifths of the screen.
_WIDTH = 760
# For the line of words at the top; what that dialog has room for on a screen of 1,280.
_LEAST_WIDTH = 1000
# What is missing is never too little to be seen.
_LEAST = 4
_TICK_SPACE = 62


@dataclass(frozen=True)
class Look:
    """Hold how hours of a kind look; the words stand in the legend."""

    words: str
    colour: str
    # Its lines are so many pixels apart; none for 0.
    pattern: int = 0
    ink: str = ""


# Blues by their luminance, so that they stay apart for everybody and on grey paper; what is not
# stored has a pattern.
MINUTES = Look("stored by the minute", "#0b3c6f")
QUARTERS = Look("by 15 minutes", "#3a86c8")
HOURS = Look("by the hour", "#9cc9ec")
ANY = Look("stored", "#8fa3b5", 8, "#5c6b7a")
MISSING = Look("missing, source has it", "#d1384f", 4, "#7d1128")
UNKNOWN = Look("missing, source not asked", "#f4c95d", 5, "#a66f00")
ABSENT = Look("source has none", "#f1f2f4", 6, "#c3c8ce")
EXPIRED = Look("out of scope", "#ffffff")
# From the bottom of a cell to its top.
LOOKS = (MINUTES, QUARTERS, HOURS, ANY, UNKNOWN, MISSING, ABSENT, EXPIRED)
_BY_STATE = {
    State.MISSING: MISSING,
    State.UNKNOWN: UNKNOWN,
    State.ABSENT: ABSENT,
    State.EXPIRED: EXPIRED,
}


def look_of(kind: Kind) -> Look:
    """Return how hours of a kind look; steps between the shown ones look like the next one."""
    state, step = kind
    if state is not State.STORED:
        return _BY_STATE[state]
    if step is None:
        return ANY
    if step <= timedelta(minutes=1):
        return MINUTES
    return QUARTERS if step <= timedelta(minutes=15) else HOURS


def stacked(cell: Counter[Kind]) -> list[tuple[Look, int]]:
    """Return the looks of a cell from its bottom up, with their heights; together a row's."""
    hours: Counter[Look] = Counter()
    for kind, count in cell.items():
        hours[look_of(kind)] += count
    whole = hours.total()
    found = [look for look in LOOKS if hours[look]]
    heights = {look: ROW * hours[look] // whole for look in found}
    for look in found:
        heights[look] = max(heights[look], _LEAST if look in (MISSING, UNKNOWN) else 1)
    largest = max(found, key=lambda look: heights[look], default=None)
    if largest:
        heights[largest] += ROW - sum(heights.values())
    return [(look, heights[look]) for look in found]


@dataclass(frozen=True)
class Layout:
    """Say where what is drawn; in pixels."""

    coverage: Coverage

    @property
    def cell(self) -> int:
        """Return the width of a column."""
        return max(2, _WIDTH // len(self.coverage.columns))

    @property
    def left(self) -> int:
        """Return where the first column begins."""
        return MARGIN + LABELS

    @property
    def right(self) -> int:
        """Return where the last column ends."""
        return self.left + self.cell * len(self.coverage.columns)

    @property
    def width(self) -> int:
        """Return the width of the picture."""
        return max(self.right + SHARE + MARGIN, _LEAST_WIDTH)

    @property
    def bottom(self) -> int:
        """Return where the last row ends."""
        return max((top + ROW for top, _, _ in self.rows()), default=TOP)

    @property
    def height(self) -> int:
        """Return the height of the picture."""
        return self.bottom + 44 + 18 * len(self.coverage.remarks)

    def rows(self) -> Iterator[tuple[int, Row, bool]]:
        """Yield the top of each row, the row, and whether it is the first of its schema."""
        top, schema = TOP, None
        for row in self.coverage.rows:
            first = row.schema != schema
            top += HEAD if first else 0
            schema = row.schema
            yield top, row, first
            top += ROW + GAP

    def place(self, name: str, column: int, schema: str) -> tuple[int, int]:
        """Return the left upper corner of the cell of a metric."""
        top = next(t for t, row, _ in self.rows() if (row.schema, row.name) == (schema, name))
        return self.left + column * self.cell, top

    def ticks(self) -> list[tuple[int, str, bool]]:
        """Return where a piece of time begins, what it is called, and whether it is a long one."""
        columns = self.coverage.columns
        by_month = columns[0].duration >= timedelta(days=1) or len(columns) == 1
        # A column is called by its last hour, which alone may be in another month.
        hours = [columns[0].start, *(column.end - timedelta(hours=1) for column in columns)]
        marks = []
        for number, (before, now) in enumerate(pairwise(hours)):
            new, long = _changed(before, now, by_month)
            if new or not number:
                words = _called(now, long or not number, by_month)
                marks.append((self.left + number * self.cell, words, long))
        kept: list[tuple[int, str, bool]] = []
        # Years and months have their place before months and days.
        for mark in sorted(marks, key=lambda mark: (not mark[2], mark[0])):
            if all(abs(mark[0] - other[0]) >= _TICK_SPACE for other in kept):
                kept.append(mark)
        return sorted(kept)

    def columns_word(self) -> str:
        """Return how wide a column is."""
        hours = max(c.duration for c in self.coverage.columns) // timedelta(hours=1)
        for size, word in ((168, "week"), (24, "day"), (1, "hour")):
            if hours % size == 0:
                count = hours // size
                return f"one {word}" if count == 1 else f"{count} {word}s"
        raise AssertionError("unreachable")  # pragma: no cover


def _changed(before: datetime, now: datetime, by_month: bool) -> tuple[bool, bool]:
    if by_month:
        return (before.year, before.month) != (now.year, now.month), before.year != now.year
    return before.date() != now.date(), before.month != now.month


def _called(at: datetime, long: bool, by_month: bool) -> str:
    if by_month:
        return f"{at:%b %Y}" if long else f"{at:%b}"
    return f"{at.day} {at:%b}" if long else f"{at.day}"
