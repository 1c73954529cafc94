"""Half-open windows of time, in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, order=True, slots=True)
class Window:
    """Hold the instants t with start <= t < end, both aware and in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name, instant in (("start", self.start), ("end", self.end)):
            if instant.utcoffset() != timedelta(0):
                raise ValueError(f"{name} must be an aware instant in UTC, got {instant!r}")
        if self.start >= self.end:
            raise ValueError(f"start must lie before end, got {self.start} and {self.end}")

    @property
    def duration(self) -> timedelta:
        """Return end - start."""
        return self.end - self.start

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%dT%H:%MZ}..{self.end:%Y-%m-%dT%H:%MZ}"

    def meet(self, other: Window) -> Window | None:
        """Return what both windows hold, or None."""
        return between(max(self.start, other.start), min(self.end, other.end))


def parse_instant(text: str) -> datetime:
    """Return a date or an instant in ISO 8601; UTC where it names no zone; raises ValueError."""
    # Python 3.10 does not know Z.
    instant = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    if instant.tzinfo is None:
        return instant.replace(tzinfo=timezone.utc)
    try:
        return instant.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError(f"{text.strip()!r} is not within the years 1 to 9999 in UTC") from None


def between(start: datetime, end: datetime) -> Window | None:
    """Return the window from start to end, or None when it would be empty."""
    return Window(start, end) if start < end else None


def floor(instant: datetime, step: timedelta, origin: datetime = EPOCH) -> datetime:
    """Return the newest multiple of step since origin that is not after the instant."""
    return instant - (instant - origin) % step


def ceil(instant: datetime, step: timedelta, origin: datetime = EPOCH) -> datetime:
    """Return the oldest multiple of step since origin that is not before the instant."""
    return instant + (origin - instant) % step


def merge(windows: Iterable[Window]) -> list[Window]:
    """Return the same instants as sorted windows that neither overlap nor touch."""
    merged: list[Window] = []
    for window in sorted(windows):
        if merged and window.start <= merged[-1].end:
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return merged


def subtract(windows: Iterable[Window], taken: Iterable[Window]) -> list[Window]:
    """Return the instants of the windows that are in none of the taken ones."""
    holes = merge(taken)
    left: list[Window] = []
    for window in merge(windows):
        start = window.start
        for hole in holes:
            if hole.end <= start:
                continue
            if hole.start >= window.end:
                break
            piece = between(start, min(hole.start, window.end))
            if piece:
                left.append(piece)
            start = max(start, hole.end)
        rest = between(start, window.end)
        if rest:
            left.append(rest)
    return left


def intersect(windows: Iterable[Window], others: Iterable[Window]) -> list[Window]:
    """Return the instants that both sides hold, as merged windows."""
    right = merge(others)
    found: list[Window] = []
    first = 0
    for window in merge(windows):
        while first < len(right) and right[first].end <= window.start:
            first += 1
        for other in right[first:]:
            if other.start >= window.end:
                break
            piece = window.meet(other)
            if piece:
                found.append(piece)
    return found


def split(window: Window, size: timedelta, origin: datetime = EPOCH) -> list[Window]:
    """Cut a window at every multiple of size since origin; the pieces tile it."""
    if size <= timedelta(0):
        raise ValueError(f"size must be positive, got {size}")
    pieces = []
    start = window.start
    while start < window.end:
        end = min(floor(start, size, origin) + size, window.end)
        pieces.append(Window(start, end))
        start = end
    return pieces


def align_inward(window: Window, step: timedelta) -> Window | None:
    """Return the largest window inside whose ends are multiples of step since the epoch."""
    return between(ceil(window.start, step), floor(window.end, step))


def instants(window: Window, step: timedelta) -> Iterator[datetime]:
    """Yield the multiples of step since the epoch that the window holds, oldest first."""
    instant = ceil(window.start, step)
    while instant < window.end:
        yield instant
        instant += step


def count_instants(window: Window, step: timedelta) -> int:
    """Return how many multiples of step since the epoch the window holds."""
    first = ceil(window.start, step)
    return max(0, -((first - window.end) // step))
