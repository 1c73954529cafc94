"""The instants at which a source may answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import ge

from promtsdb_dagster.core.shown import shown
from promtsdb_dagster.core.windows import EPOCH, Window, ceil
from promtsdb_dagster.errors import SourceIncomplete


def unix_second(instant: datetime) -> int:
    """Return the whole seconds since 1970."""
    return int((instant - EPOCH).total_seconds())


class Grid:
    """The instants that an answer may have; series that have the same share one list."""

    def __init__(self, record: str, window: Window, step: timedelta) -> None:
        first = unix_second(ceil(window.start, step))
        self._record = record
        self._window = window
        self._step = int(step.total_seconds())
        self._whole = list(range(first, unix_second(window.end), self._step))
        self._allowed = frozenset(self._whole)
        self._latest = self._whole

    def times(self, instants: Sequence[float]) -> list[int]:
        """Return the instants as whole seconds; raise SourceIncomplete for any that is wrong."""
        given = list(instants)
        for known in (self._whole, self._latest):
            if given == known:
                return known
        if len(given) > len(self._whole):
            raise SourceIncomplete(
                f"rule {self._record!r} got {len(given)} samples for one series in "
                f"{self._window}, wanted at most {len(self._whole)}; "
                "the source answers for another step or window"
            )
        if not self._allowed.issuperset(given):
            stray = next(instant for instant in given if instant not in self._allowed)
            raise SourceIncomplete(
                f"rule {self._record!r} got a sample at {shown(stray)}, wanted multiples of "
                f"{self._step} s in {self._window}; the source does not answer what was asked"
            )
        if any(map(ge, given, given[1:])):
            raise SourceIncomplete(
                f"rule {self._record!r} got samples that are not in the order of time in "
                f"{self._window}, wanted each instant once; the source does not answer as "
                "Prometheus does"
            )
        self._latest = list(map(int, given))
        return self._latest
