"""Cut history into partitions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import dagster as dg

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.windows import Window

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
# What Dagster's own pages put on a run that covers several partitions.
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class Grid:
    """Hold partitions of one length that tile time from a fixed start, UTC.

    With `ahead` the partition that holds the present exists too, and ends in the future.
    """

    start: datetime
    period: timedelta
    ahead: bool

    @cached_property
    def definition(self) -> dg.TimeWindowPartitionsDefinition:
        """Return what Dagster makes of it."""
        offset = 1 if self.ahead else 0
        if self.period == DAY:
            return dg.DailyPartitionsDefinition(self.start, timezone="UTC", end_offset=offset)
        # Weeks begin on the weekday of the start; Dagster would drop a first week that is cut.
        return dg.WeeklyPartitionsDefinition(
            self.start,
            day_offset=self.start.isoweekday() % 7,
            timezone="UTC",
            end_offset=offset,
        )

    def end(self, now: datetime) -> datetime:
        """Return the exclusive end of the newest partition that exists."""
        end = w.floor(now, self.period, self.start)
        return end + self.period if self.ahead else end

    def key(self, start: datetime) -> str:
        """Return the key of the partition that begins at start."""
        return f"{start:%Y-%m-%d}"

    def window(self, key: str) -> Window:
        """Return what a partition owns."""
        start, end = self.definition.time_window_for_partition_key(key)
        return Window(start, end)

    def covering(self, window: Window, now: datetime) -> Window | None:
        """Return the whole partitions that hold any moment of the window, or None."""
        start = max(w.floor(window.start, self.period, self.start), self.start)
        end = min(w.ceil(window.end, self.period, self.start), self.end(now))
        return w.between(start, end)

    def tags(self, covered: Window) -> dict[str, str]:
        """Return the run tags that ask for all partitions of such a window in one run."""
        last = covered.end - self.period
        return {
            RANGE_START_TAG: self.key(covered.start),
            RANGE_END_TAG: self.key(last),
        }


def asked_window(context: dg.AssetExecutionContext) -> Window:
    """Return what all partitions of a run own together."""
    start, end = context.partition_time_window
    return Window(start, end)
