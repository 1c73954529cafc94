"""Say which rules each backfill asset evaluates, in which partitions, and what that changes."""

from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.windows import Window, between, floor
from promtsdb_dagster.defs.partitions import DAY, WEEK, Grid

INTERNAL = "internal"
CUMSUM = "cumsum"


@dataclass(frozen=True)
class Group:
    """Hold one backfill asset; `feeds` names the hypertables that it writes to."""

    asset: str
    rules: str
    grid: Grid
    feeds: frozenset[str]
    description: str

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
            "The cumulative metrics since BACKFILL_START, hour by hour, up to the first live "
            "sample. The present week is filled as far as the source is settled.",
        ),
        Group(
            "backfill_1y",
            "backfill_1y",
            Grid(history_start, WEEK, ahead=False),
            frozenset({INTERNAL}),
            "All gauges of the last year that are older than a week, hour by hour. Weeks beyond "
            "the retention are not fetched, and say so.",
        ),
        Group(
            "backfill_1w",
            "backfill_1w",
            Grid(history_start, DAY, ahead=False),
            frozenset({INTERNAL}),
            "All gauges of the last seven whole days, every 15 minutes. Older days are "
            "backfill_1y's, and say so.",
        ),
        Group(
            "backfill_live",
            "live",
            Grid(history_start, DAY, ahead=True),
            frozenset({INTERNAL, CUMSUM}),
            "The live rules minute by minute, to repair what live ingestion missed. Today's "
            "partition is filled up to now.",
        ),
    )
