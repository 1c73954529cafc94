"""Judge rows whose tags are not stored: no aggregate of gauges counts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from promtsdb_dagster.core.verdicts import Verdict
from promtsdb_dagster.core.windows import Window

# Tags and rows come in transactions of their own, in either order.
GRACE = timedelta(minutes=15)
_HOW = "docs/reference/checks.md#no_orphans says how"


@dataclass(frozen=True)
class Noted:
    """Hold the series of one table that are noted as waiting for their tags."""

    source: str
    series: int
    # From where on the oldest of them has rows.
    oldest: datetime


@dataclass(frozen=True)
class Looked:
    """Hold what a sampled window of one table holds without tags that nothing notes."""

    source: str
    window: Window
    rows: int
    lost_rows: int
    lost_series: int


def judge_orphans(noted: Sequence[Noted], looked: Sequence[Looked], now: datetime) -> Verdict:
    """Say which rows have no tags, and what brings them."""
    lost = [each for each in looked if each.lost_rows]
    old = [each for each in noted if each.oldest < now - GRACE]
    severe = [
        f"{each.lost_rows:,} rows of {each.lost_series:,} series in {each.source}."
        f"prometheus_remote_write, {each.window}, have no tags, and internal.orphan_tag does not "
        "note them, wanted the tags of every row: somebody deleted tags; run `promtsdb backfill "
        f"--recheck --asset backfill_live --from {each.window.start:%Y-%m-%d} --to "
        f"{each.window.end + timedelta(days=1):%Y-%m-%d}`, which brings the tags too ({_HOW})"
        for each in lost
    ]
    minor = [
        f"{each.series:,} series of {each.source}.prometheus_remote_write have waited for their "
        f"tags since {each.oldest:%Y-%m-%d %H:%M} UTC, wanted minutes; restart Telegraf, which "
        f"sends the tags of a series once only, or bring them by a backfill ({_HOW})"
        for each in old
    ]
    return Verdict(
        "every row looked at has its tags",
        severe,
        minor,
        {
            "rows_looked_at": sum(each.rows for each in looked),
            "rows_without_tags": sum(each.lost_rows for each in looked),
            "series_noted": sum(each.series for each in noted),
            "series_noted_too_long": sum(each.series for each in old),
            "windows": [f"{each.source} {each.window}" for each in looked],
        },
    )
