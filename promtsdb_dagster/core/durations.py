"""Durations as Prometheus and vmalert write them: 15m, 1h30m, 1d."""

from __future__ import annotations

import re
from datetime import timedelta

# Prometheus' own order of units; nine digits keep every sum far inside what timedelta holds.
_DURATION = re.compile(
    r"(?:([0-9]{1,9})y)?(?:([0-9]{1,9})w)?(?:([0-9]{1,9})d)?"
    r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?(?:([0-9]{1,9})ms)?"
)
_MILLISECONDS = (365 * 86_400_000, 7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000, 1)
_LONGEST_MILLISECONDS = 200 * 365 * 86_400_000


def parse_duration(text: str) -> timedelta:
    """Return the length of a duration; raise ValueError for anything but Prometheus' notation."""
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ValueError(f"{_short(text)} is not a duration, wanted one like 1m, 15m, 1h or 1h30m")
    milliseconds = sum(
        int(amount) * unit
        for amount, unit in zip(found.groups(), _MILLISECONDS, strict=True)
        if amount
    )
    if milliseconds > _LONGEST_MILLISECONDS:
        raise ValueError(f"{_short(text)} is longer than 200 years")
    return timedelta(milliseconds=milliseconds)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")
