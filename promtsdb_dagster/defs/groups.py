"""Say which rules each backfill asset evaluates, in which partitions, and what that changes."""

from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.windows import Window, between, floor
from promtsdb_dagster.defs.describing import described
from promtsdb_dagster.defs.partitions import DAY, WEEK, Grid

INTERNAL = "internal"
CUMSUM = "cumsum"
_WHEN_RED = (
    "read the last line of the run's log, which says what to mend; then launch the *failed and "
    "missing* partitions again. What the ledger holds is not done twice. A red `no_gaps` or "
    "`ledger_holds` says itself what to launch."
)


@dataclass(frozen=True)
class Group:
    """Hold one backfill asset; `feeds` names the hypertables that it writes to."""

    asset: str
    rules: str
    grid: Grid
    feeds: frozenset[str]
    step: str
    description: str

    @property
    def tags(self) -> dict[str, str]:
        """Return what the UI can filter by."""
        return {"path": "history", "step": self.step}

    @property
    def key(self) -> dg.AssetKey:
        """Return the key of the asset."""
        return dg.AssetKey(self.asset)

    def history(self, policy: Policy, now: datetime) -> Window | None:
        """Return the whole partitions in which this group has something to do now."""
        today = floor(now, DAY)
        boundary = policy.boundary(now)
        ranges = {
            "backfill_1y": (max(now - policy.retention, policy.history_start), boundary),
            "backfill_1w": (boundary, today),
            "live": (today, today + DAY),
        }
        start, end = ranges.get(self.rules, (policy.history_start, now))
        window = between(start, end)
        return self.grid.covering(window, now) if window else None


def backfill_groups(history_start: datetime) -> tuple[Group, ...]:
    """Return the groups, coarsest first."""
    return (
        Group(
            "backfill_forever",
            "backfill_forever",
            Grid(history_start, WEEK, ahead=True),
            frozenset({CUMSUM}),
            "1h",
            described(
                "The running totals since `BACKFILL_START`: one increment for each hour, up to "
                "the first live sample, into `cumsum.prometheus_remote_write`. One partition is a "
                "week; the present one is filled as far as the source is settled.",
                _WHEN_RED,
            ),
        ),
        Group(
            "backfill_1y",
            "backfill_1y",
            Grid(history_start, WEEK, ahead=False),
            frozenset({INTERNAL}),
            "1h",
            described(
                "The gauges of the last year that are older than a week: one value for each "
                "hour, into `internal.prometheus_remote_write`. One partition is a week. Weeks "
                "beyond the retention are not fetched, and say so.",
                _WHEN_RED,
            ),
        ),
        Group(
            "backfill_1w",
            "backfill_1w",
            Grid(history_start, DAY, ahead=False),
            frozenset({INTERNAL}),
            "15m",
            described(
                "The gauges of the last seven whole days: one value for each 15 minutes, into "
                "`internal.prometheus_remote_write`. One partition is a day. Older days belong to "
                "`backfill_1y`, and say so.",
                _WHEN_RED,
            ),
        ),
        Group(
            "backfill_live",
            "live",
            Grid(history_start, DAY, ahead=True),
            frozenset({INTERNAL, CUMSUM}),
            "1m",
            described(
                "What live ingestion missed: the live rules, one value for each minute, into "
                "both tables. One partition is a day; today's is filled up to now. The sensor "
                "`live_gaps` launches exactly the minutes that are missing.",
                _WHEN_RED,
            ),
        ),
    )
