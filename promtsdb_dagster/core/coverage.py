"""Say, hour by hour, what is stored of each metric, what is missing, and what nobody has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.windows import Window, parse_instant

HOUR = timedelta(hours=1)
MONDAY = parse_instant("2000-01-03")
CUMULATIVE = "cumsum"
# The schema of a metric that is in the rules, and of which nobody has ever had a sample.
NOWHERE = ""
# What a column of the picture may be wide.
_WIDTHS = (
    *(HOUR * n for n in (1, 2, 3, 6, 12, 24, 48)),
    *(HOUR * 168 * n for n in (1, 2, 4, 8, 52, 520)),
)


class State(Enum):
    """What is known of an hour of a metric; an hour has one state."""

    STORED = "stored"
    # The source has it, and it is not stored.
    MISSING = "missing"
    # Not stored, and the source was not asked.
    UNKNOWN = "not asked"
    # The source was asked and has nothing.
    ABSENT = "source has none"
    # Older than the retention of gauges, or of a metric in no rule any more: nobody fetches it.
    EXPIRED = "out of scope"


# The state, and of what is stored how far samples are apart where that is known.
Kind = tuple[State, timedelta | None]


@dataclass(frozen=True)
class Facts:
    """Hold what the database knows of one metric; hours are those that begin in the windows."""

    schema: str
    name: str
    stored: Sequence[Window] = ()
    # Where samples came by this step; where several did, the finest counts.
    steps: Mapping[timedelta, Sequence[Window]] = field(default_factory=dict)
    # Where the source was asked, and all that it had is stored.
    asked: Sequence[Window] = ()
    # Minutes that live data lacks and the source has.
    lacking: Sequence[Window] = ()


@dataclass(frozen=True)
class Answer:
    """Hold what a source said of one metric: where it was asked, and where it has samples."""

    asked: Sequence[Window] = ()
    has: Sequence[Window] = ()


@dataclass(frozen=True)
class Row:
    """Hold one metric: its hours by kind, in each column of time and in all."""

    schema: str
    name: str
    cells: tuple[Counter[Kind], ...]
    missing_minutes: int = 0

    @property
    def total(self) -> Counter[Kind]:
        """Return the hours of all columns by kind."""
        return sum(self.cells, Counter())

    def hours(self, *states: State) -> int:
        """Return how many hours have one of the states."""
        return sum(hours for (state, _), hours in self.total.items() if state in states)

    @property
    def share(self) -> float | None:
        """Return stored hours by those that the source has or may have; None where none are."""
        return share(self.hours(State.STORED), self.hours(State.MISSING, State.UNKNOWN))


@dataclass(frozen=True)
class Coverage:
    """Hold what is stored of every metric over a span."""

    span: Window
    columns: tuple[Window, ...]
    rows: tuple[Row, ...]
    remarks: tuple[str, ...] = ()

    def hours(self, *states: State) -> int:
        """Return how many hours of all metrics have one of the states."""
        return sum(row.hours(*states) for row in self.rows)

    @property
    def share(self) -> float | None:
        """Return stored hours by those that the source has or may have; None where none are."""
        return share(self.hours(State.STORED), self.hours(State.MISSING, State.UNKNOWN))


def share(stored: int, others: int) -> float | None:
    """Return the share of the first number in both, or None when both are 0."""
    return stored / (stored + others) if stored + others else None


def whole_hours(span: Window, now: datetime) -> Window | None:
    """Return the hours that begin in a span and are over, or None."""
    return w.between(w.ceil(span.start, HOUR), min(w.ceil(span.end, HOUR), w.floor(now, HOUR)))


def columns(span: Window, most: int) -> tuple[Window, ...]:
    """Cut whole hours into columns of one width, from Mondays or midnights on; at most so many."""
    fitting = (x for x in _WIDTHS if -((w.floor(span.start, x, MONDAY) - span.end) // x) <= most)
    return tuple(w.split(span, next(fitting, _WIDTHS[-1]), MONDAY))


def owed(schema: str, span: Window, *, now: datetime, retention: timedelta) -> list[Window]:
    """Return the hours that should be stored: gauges leave with their retention."""
    if schema == CUMULATIVE:
        return [span]
    part = w.between(max(span.start, w.ceil(now - retention, HOUR)), span.end)
    return [part] if part else []


def lacking(facts: Facts, wanted: Iterable[Window]) -> list[Window]:
    """Return the wanted hours that are not stored, and for which the source was not asked."""
    return w.subtract(wanted, [*facts.stored, *_whole(facts.asked)])


def row_of(
    facts: Facts, columns: Sequence[Window], wanted: Sequence[Window], answer: Answer
) -> Row:
    """Return one metric of the picture; what lies outside of the wanted hours is out of scope."""
    hours = _Hours(Window(columns[0].start, columns[-1].end), facts.steps)
    unknown, missing, absent = (
        hours.code(state) for state in (State.UNKNOWN, State.MISSING, State.ABSENT)
    )
    hours.paint(wanted, {hours.code(State.EXPIRED): unknown})
    hours.paint(_whole(facts.asked), {unknown: absent})
    hours.paint(answer.has, {unknown: missing})
    hours.paint(answer.asked, {unknown: absent})
    hours.paint(facts.stored, dict.fromkeys(range(256), hours.code(State.STORED)))
    stored = {hours.code(State.STORED)}
    for step in sorted(facts.steps, reverse=True):
        code = hours.code(State.STORED, step)
        hours.paint(_touched(facts.steps[step]), dict.fromkeys(stored, code))
        stored.add(code)
    minutes = sum(
        (piece.duration for piece in w.intersect(facts.lacking, [hours.span])), timedelta(0)
    ) // timedelta(minutes=1)
    return Row(facts.schema, facts.name, tuple(map(hours.counted, columns)), minutes)


class _Hours:
    """Hold one byte an hour: a year of a metric is judged in a millisecond, however torn it is."""

    def __init__(self, span: Window, steps: Iterable[timedelta]) -> None:
        self.span = span
        self._kinds: list[Kind] = [(State.EXPIRED, None)]
        self._kinds += [(state, None) for state in State if state is not State.EXPIRED]
        self._kinds += [(State.STORED, step) for step in steps]
        self._codes = {kind: code for code, kind in enumerate(self._kinds)}
        self._hours = bytearray(span.duration // HOUR)

    def code(self, state: State, step: timedelta | None = None) -> int:
        return self._codes[state, step]

    def paint(self, windows: Iterable[Window], colours: Mapping[int, int]) -> None:
        """Change the codes in the windows that are named to others."""
        table = bytes(colours.get(code, code) for code in range(256))
        for window in windows:
            part = window.meet(self.span)
            if part:
                inside = self._slice(part)
                self._hours[inside] = self._hours[inside].translate(table)

    def counted(self, window: Window) -> Counter[Kind]:
        found = Counter(self._hours[self._slice(window)])
        return Counter({self._kinds[code]: hours for code, hours in found.items()})

    def _slice(self, window: Window) -> slice:
        first = (window.start - self.span.start) // HOUR
        return slice(first, first + window.duration // HOUR)


def _whole(windows: Iterable[Window]) -> list[Window]:
    """Return the whole hours in each of the windows, after those that touch are one."""
    inside = (w.align_inward(window, HOUR) for window in w.merge(windows))
    return [window for window in inside if window]


def _touched(windows: Iterable[Window]) -> list[Window]:
    return w.merge(Window(w.floor(x.start, HOUR), w.ceil(x.end, HOUR)) for x in windows)
