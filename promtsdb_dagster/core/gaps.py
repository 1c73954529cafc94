"""Find the minutes for which live rows should be stored and are not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.ports import Part
from promtsdb_dagster.core.windows import EPOCH, Window

HOUR = timedelta(hours=1)
# With a comparison every ten minutes: tries for an hour, and then for an hour in every six.
_EAGER_ATTEMPTS = 6
_PATIENT_ATTEMPTS = 36


@dataclass(frozen=True)
class Gap:
    """Hold what one live rule lacks in one hour.

    `missing` is what the source has and the database has not, `absent` what neither has.
    """

    record: str
    hour: datetime
    missing: tuple[Window, ...] = ()
    absent: tuple[Window, ...] = ()
    # How many comparisons in a row have found something missing.
    attempts: int = 0
    # When it was found; one that was repaired and comes back is another one.
    noted_at: datetime | None = None
    # When it was looked at last.
    checked_at: datetime | None = None

    @property
    def is_due(self) -> bool:
        """Return whether another repair is worth its while."""
        # Comparisons count, also those made while another backfill kept the repair waiting.
        return self.attempts <= _EAGER_ATTEMPTS or self.attempts % _PATIENT_ATTEMPTS < (
            _EAGER_ATTEMPTS
        )

    @property
    def turns_to_wait(self) -> int:
        """Return how many comparisons from now another repair is worth its while; 0 means now."""
        turns = 0
        while not replace(self, attempts=self.attempts + turns).is_due:
            turns += 1
        return turns


@dataclass(frozen=True)
class LiveState:
    """Hold what is known of the live rows, before they are looked at."""

    # The first live instant by the name of the metric.
    live_since: Mapping[str, datetime]
    # By record: from where on rows are owed, and up to where they were compared.
    owed_from: Mapping[str, datetime]
    checked_until: Mapping[str, datetime]
    # Those that miss something, and those of the last day that the source lacked.
    gaps: Sequence[Gap]


@dataclass(frozen=True)
class Comparison:
    """Count, by unix second, what of one rule's rows is not as the source says."""

    lacking: Mapping[int, int]
    # Of a running total: another series has the minute, so that adding this one would double it.
    taken: Mapping[int, int]
    differing: int = 0


class LiveStore(Protocol):
    """Remember what was compared; adapters.live_rows is the real one."""

    def live_state(self) -> LiveState:
        """Return what is known of the live rows."""

    def compare(self, parts: Sequence[Part], several: Collection[str]) -> list[Comparison]:
        """Return how what is stored differs from what the source said, part by part.

        `several` are the metrics that more than one rule makes.
        """

    def note(self, found: Sequence[Gap], checked_until: Mapping[str, datetime]) -> None:
        """Replace what is known of these rules and hours; safe to repeat."""

    def begin(self, owed_from: Mapping[str, datetime]) -> None:
        """Remember from where on rules are owed and compared; what is known stays."""


@dataclass(frozen=True)
class Horizon:
    """Hold up to where live rows must have arrived, and how much is looked at in one go."""

    # Exclusive.
    end: datetime
    backlog: timedelta = 48 * HOUR


def windows_to_check(
    record: str, start: datetime, state: LiveState, horizon: Horizon
) -> list[Window]:
    """Return where a rule that is owed from `start` on is to be compared.

    That is what is new, the last hour once more, as the source itself may have been late, and
    known gaps; see `in_turn` for when those are.
    """
    if start >= horizon.end:
        return []
    until = max(state.checked_until.get(record, start), start)
    wanted = [
        w.between(until, min(horizon.end, w.floor(until, HOUR) + horizon.backlog)),
        w.between(w.floor(horizon.end - HOUR, HOUR), horizon.end),
    ]
    known = [Window(gap.hour, gap.hour + HOUR) for gap in state.gaps if gap.record == record]
    return w.intersect([Window(start, horizon.end)], [*filter(None, wanted), *known])


def in_turn(gaps: Iterable[Gap]) -> list[datetime]:
    """Return the hours of known gaps, those to be repaired first, then the longest unseen."""
    turns: dict[datetime, tuple[bool, datetime]] = {}
    for gap in gaps:
        mine = (not gap.is_due, gap.checked_at or gap.hour)
        turns[gap.hour] = min(turns.get(gap.hour, mine), mine)
    return sorted(turns, key=lambda hour: (turns[hour], hour))


def first_owed(
    record: str, name: str, state: LiveState, horizon: Horizon, *, cumulative: bool
) -> datetime | None:
    """Return from where on live rows are owed; None where they are not."""
    own = state.live_since.get(name)
    if cumulative or not state.live_since:
        # Before its first live row a running total is the backfill's.
        return own
    if record in state.owed_from:
        return state.owed_from[record]
    if state.owed_from:
        # A rule that is new owes nothing for the time before it.
        return own or w.floor(horizon.end, HOUR)
    return min(state.live_since.values())


def gap_of(
    record: str, hour: datetime, window: Window, part: Part, comparison: Comparison, *, live: bool
) -> Gap:
    """Return what a rule lacks in a window of an hour.

    Only a rule that is known to be live is said to lack what the source lacks too.
    """
    task, converted = part
    seconds = {second for series in converted.series for second in series.times}
    absent = (
        instant
        for instant in w.instants(window, task.step)
        if live and int(instant.timestamp()) not in seconds
    )
    lacking = (EPOCH + timedelta(seconds=s) for s, count in comparison.lacking.items() if count)
    return Gap(record, hour, _windows(lacking, task.step), _windows(absent, task.step))


def merge_gaps(gaps: Iterable[Gap], before: Iterable[Gap]) -> list[Gap]:
    """Return one gap a rule and hour, with one attempt more where something is missing still."""
    attempts = {(gap.record, gap.hour): gap.attempts for gap in before}
    pieces: dict[tuple[str, datetime], list[Gap]] = defaultdict(list)
    for gap in gaps:
        pieces[gap.record, gap.hour].append(gap)
    merged = []
    for (record, hour), mine in pieces.items():
        missing = tuple(w.merge(window for gap in mine for window in gap.missing))
        absent = tuple(w.merge(window for gap in mine for window in gap.absent))
        count = attempts.get((record, hour), 0) + 1 if missing else 0
        merged.append(Gap(record, hour, missing, absent, count))
    return merged


def _windows(instants: Iterable[datetime], step: timedelta) -> tuple[Window, ...]:
    return tuple(w.merge(Window(instant, instant + step) for instant in instants))
