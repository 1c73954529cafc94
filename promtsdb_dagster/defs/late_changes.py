"""Refresh what changed in the past without a backfill: late rows, late tags."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import dagster as dg

from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.aggregates import Aggregate
from promtsdb_dagster.defs.groups import Group
from promtsdb_dagster.defs.partitions import Grid
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.runs import busy, op_name
from promtsdb_dagster.errors import PromtsdbError

TAG = "promtsdb/late_changes"
# How long a change waits: late rows come in bursts, and one refresh for a burst is enough; what
# a backfill changed is automation's to refresh, and ours only when that failed or was off.
_PATIENCE = {
    "late row": timedelta(minutes=1),
    "late tag": timedelta(minutes=1),
    "backfill": timedelta(minutes=15),
}
_TRY_AGAIN_AFTER = timedelta(minutes=10)


def late_changes_sensor(
    aggregates: Sequence[Aggregate], grid: Grid, groups: Sequence[Group]
) -> dg.SensorDefinition:
    """Return the sensor that asks for the refreshes."""

    @dg.sensor(
        name="late_changes",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        asset_selection=dg.AssetSelection.assets(*(aggregate.key for aggregate in aggregates)),
        description=(
            "Refreshes the aggregates over the weeks in which rows or tags arrived so late that "
            "no policy looks there any more, and over those that a backfill changed when the "
            "refresh after it failed."
        ),
    )
    def late_changes(
        context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            if not project.inventory().is_migrated():
                return dg.SkipReason("the tables do not exist yet; materialize group migrations")
            pending = project.aggregates().pending()
            now = project.now()
        except PromtsdbError as error:
            return dg.SkipReason(str(error))
        at_work = busy(context.instance)
        asked: dict[str, list[str]] = json.loads(context.cursor) if context.cursor else {}
        requests, remembered = [], {}
        for aggregate in aggregates:
            late = [
                (window, noted_at)
                for name, window, reason, noted_at in pending
                if name == aggregate.table and noted_at <= now - _PATIENCE[reason]
            ]
            if not late:
                continue
            newest = max(noted_at for _, noted_at in late).isoformat()
            before = asked.get(aggregate.table)
            if before:
                remembered[aggregate.table] = before
            if _is_asked(before, newest, now) or at_work & {
                aggregate.key,
                *(group.key for group in groups if aggregate.source in group.feeds),
            }:
                continue
            covered = grid.covering(_span(window for window, _ in late), now)
            if covered is None:
                continue
            remembered[aggregate.table] = [newest, now.isoformat()]
            requests.append(_request(aggregate, grid, covered, f"{newest}@{now.isoformat()}"))
        cursor = json.dumps(remembered)
        if not requests:
            reason = f"{len(remembered)} refreshes are asked for" if remembered else "nothing late"
            return dg.SensorResult(skip_reason=dg.SkipReason(reason), cursor=cursor)
        return dg.SensorResult(requests, cursor=cursor)

    return late_changes


def _is_asked(before: list[str] | None, newest: str, now: datetime) -> bool:
    """Return whether a refresh of the same changes was asked for a short while ago."""
    if before is None or before[0] != newest:
        return False
    return now - datetime.fromisoformat(before[1]) < _TRY_AGAIN_AFTER


def _span(windows: Iterable[Window]) -> Window:
    known = list(windows)
    return Window(min(window.start for window in known), max(window.end for window in known))


def _request(aggregate: Aggregate, grid: Grid, covered: Window, key: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{aggregate.table}:{key}",
        asset_selection=[aggregate.key],
        tags={**grid.tags(covered), TAG: "true"},
        run_config={"ops": {op_name(aggregate.key): {"config": {"only_changed": True}}}},
    )
