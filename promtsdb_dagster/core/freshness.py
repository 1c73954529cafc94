"""Judge how old the newest live rows are, metric by metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from promtsdb_dagster.core.verdicts import Names, Verdict, some

MINUTE = timedelta(minutes=1)
# Older rows are not looked for.
LOOK_BACK = timedelta(hours=2)


@dataclass(frozen=True)
class Newest:
    """Hold the newest live row of a metric, None where it has none of the last two hours."""

    name: str
    instant: datetime | None
    # The comparison with the source found that it has nothing either.
    absent: bool = False


def judge_freshness(rows: Sequence[Newest], names: Names, now: datetime) -> Verdict:
    """Say which metrics have stopped, and whether one rule or the whole way is to blame."""
    wanted = [row for row in rows if row.name in names.live]
    if not wanted:
        return Verdict("no live row has arrived yet, so none is owed", facts={"metrics": 0})
    # A row waits for its evaluation, and for Telegraf's buffer.
    oldest = now - names.patience - 2 * MINUTE
    stale = [row for row in wanted if row.instant is None or row.instant < oldest]
    stopped = [row for row in stale if not row.absent]
    ages = [(now - row.instant) / MINUTE for row in wanted if row.instant]
    facts = {
        "metrics": len(wanted),
        "metrics_stale": len(stopped),
        "metrics_absent_in_the_source": len(stale) - len(stopped),
        "youngest_minutes": round(min(ages), 1) if ages else -1,
        "oldest_minutes": round(max(ages), 1) if ages else -1,
        "minutes_by_metric": {
            row.name: round((now - row.instant) / MINUTE) for row in wanted if row.instant
        },
    }
    limit = f"{(names.patience + 2 * MINUTE) / MINUTE:.0f} minutes"
    if len(stale) == len(wanted) and stopped:
        newest = max((row.instant for row in wanted if row.instant), default=None)
        since = f"{newest:%Y-%m-%d %H:%M} UTC" if newest else f"over {LOOK_BACK}"
        down = (
            f"no live row of any of {len(wanted)} metrics since {since}, wanted one within "
            f"{limit}: vmalert or Telegraf is down, or Prometheus; look at their checks "
            "`healthy` and start what is down; the gap is repaired by itself then"
        )
        return Verdict("", [down], facts=facts)
    minor = []
    if stopped:
        minor.append(
            f"{len(stopped)} of {len(wanted)} metrics have no live row within {limit} "
            f"({some([row.name for row in stopped])}), the others have: look at these rules in "
            "vmalert, and at the checks `nothing_refused`"
        )
    return Verdict(f"live rows of {len(wanted)} metrics are fresh", minor=minor, facts=facts)
