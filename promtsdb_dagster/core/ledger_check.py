"""Judge whether the rows are there that the ledger says were written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from promtsdb_dagster.core.verdicts import Verdict, some
from promtsdb_dagster.core.windows import Window

OVERDUE = timedelta(days=1)


@dataclass(frozen=True)
class Counts:
    """Hold what the ledger of one group says as a whole."""

    entries: int = 0
    rows: int = 0
    # Not verified for over a day.
    overdue: int = 0
    overdue_from: datetime | None = None
    overdue_to: datetime | None = None


@dataclass(frozen=True)
class Done:
    """Hold one window of a group that is verified, at its step."""

    window: Window
    step: timedelta


@dataclass(frozen=True)
class Counted:
    """Hold how many rows of a metric a verified window should have at least, and has."""

    name: str
    window: Window
    wanted: int
    found: int


def judge_ledger(asset: str, counts: Counts, counted: Sequence[Counted]) -> Verdict:
    """Say which rows are gone, and which entries an unfinished run left."""
    lost = [each for each in counted if each.found < each.wanted]
    severe = []
    if lost:
        first = lost[0]
        rows = sum(each.wanted - each.found for each in lost)
        severe.append(
            f"{rows:,} rows are gone that the ledger has as verified "
            f"({some(sorted({each.name for each in lost}))}), the first of {first.name} in "
            f"{first.window}: {first.found:,} stored, {first.wanted:,} wanted; somebody deleted "
            f"rows: run `promtsdb backfill --recheck --asset {asset} {_days(first.window)}`, or "
            "see docs/how-to/recover-wrong-rule.md if a rule was wrong"
        )
    minor = []
    if counts.overdue and counts.overdue_from and counts.overdue_to:
        span = Window(counts.overdue_from, counts.overdue_to)
        minor.append(
            f"{counts.overdue:,} entries of the ledger within {span} are not verified for over a "
            "day, left by a run that was killed; run these days once more, which does exactly "
            f"these windows: `promtsdb backfill --asset {asset} {_days(span)}`; for gauges it is "
            "harmless, running totals wait for it"
        )
    return Verdict(
        f"{counts.entries:,} windows; those looked at have all their rows",
        severe,
        minor,
        {
            "entries": counts.entries,
            "rows_of_the_ledger": counts.rows,
            "entries_unverified_for_a_day": counts.overdue,
            "rows_looked_at": sum(each.found for each in counted),
            "rows_gone": sum(each.wanted - each.found for each in lost),
            "windows": sorted({str(each.window) for each in counted}),
        },
    )


def _days(window: Window) -> str:
    last = window.end + timedelta(days=1) - timedelta(microseconds=1)
    return f"--from {window.start:%Y-%m-%d} --to {last:%Y-%m-%d}"
