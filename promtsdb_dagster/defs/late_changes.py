"""Refresh what changed in the past without a backfill: late rows, late tags."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg

from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.aggregates import Aggregate
from promtsdb_dagster.defs.groups import Group
from promtsdb_dagster.defs.partitions import RANGE_END_TAG, RANGE_START_TAG, Grid
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reasons import Everywhere, LateChanges, Tables, moment, some
from promtsdb_dagster.defs.reporting import counted
from promtsdb_dagster.defs.runs import busy_runs, op_name
from promtsdb_dagster.defs.ticks import about, in_seconds, why
from promtsdb_dagster.errors import PromtsdbError

TAG = "promtsdb/late_changes"
# How long a change waits: late rows come in bursts, and one refresh for a burst is enough; what
# a backfill changed is automation's to refresh, and ours only when that failed or was off.
_PATIENCE = {
    "late row": timedelta(minutes=1),
    "late tag": timedelta(minutes=1),
    "backfill": timedelta(minutes=15),
}
_SECONDS = 30
_TRY_AGAIN_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class _Waiting:
    """Hold what is noted for one aggregate and not refreshed."""

    aggregate: Aggregate
    windows: Sequence[Window]
    reasons: Sequence[str]
    newest: datetime
    # The whole partitions that hold the windows, or None where there are none.
    covered: Window | None
    # When the refresh may start, or None for at once.
    until: datetime | None

    def facts(self, grid: Grid) -> dict[str, object]:
        """Return what every sentence about it says."""
        weeks = ""
        if self.covered:
            tags = grid.tags(self.covered)
            first, last = tags[RANGE_START_TAG], tags[RANGE_END_TAG]
            weeks = f"week {first}" if first == last else f"weeks {first} to {last}"
        return {
            "aggregate": self.aggregate.table,
            "changes": counted(len(self.windows), "change"),
            "reasons": " and ".join(sorted(set(self.reasons))),
            "noted": self.newest,
            "weeks": weeks,
        }


def late_changes_sensor(
    aggregates: Sequence[Aggregate], grid: Grid, groups: Sequence[Group]
) -> dg.SensorDefinition:
    """Return the sensor that asks for the refreshes."""

    @dg.sensor(
        name="late_changes",
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        asset_selection=dg.AssetSelection.assets(*(aggregate.key for aggregate in aggregates)),
        **about(
            "Reads which buckets changed without a refresh: rows or tags that arrived so late that "
            "no policy looks there any more, and what a backfill changed when the refresh after it "
            "failed. A change waits a minute for more of its burst, one by a backfill a quarter "
            "of an hour for automation.",
            starts="one refresh an aggregate, over the weeks that hold the changes",
            when_off="late rows are stored, and missing in the aggregates until somebody refreshes "
            "their weeks",
        ),
    )
    def late_changes(
        context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            if not project.inventory().is_migrated():
                return Tables.NO_TABLES(again=in_seconds(_SECONDS))
            pending = project.aggregates().pending()
            now = project.now()
        except PromtsdbError as error:
            return Everywhere.PROBLEM(problem=error, again=in_seconds(_SECONDS))
        runs = busy_runs(context.instance)
        asked: dict[str, list[str]] = json.loads(context.cursor) if context.cursor else {}
        requests, remembered, sentences = [], {}, []
        for aggregate in aggregates:
            waiting = _waiting(aggregate, pending, grid, now)
            if waiting is None:
                continue
            facts, newest = waiting.facts(grid), waiting.newest.isoformat()
            if waiting.until:
                sentences.append(LateChanges.WAITS.text(until=waiting.until, **facts))
                continue
            before = asked.get(aggregate.table)
            if before:
                remembered[aggregate.table] = before
            feeding = (group.key for group in groups if aggregate.source in group.feeds)
            at_work = [run for key in (aggregate.key, *feeding) for run in runs.get(key, ())]
            if before and _is_asked(before, newest, now):
                at = datetime.fromisoformat(before[1])
                until = at + _TRY_AGAIN_AFTER
                sentences.append(LateChanges.ASKED.text(asked=at, until=until, **facts))
            elif at_work:
                sentences.append(LateChanges.BUSY.text(runs=some(at_work), **facts))
            elif waiting.covered is None:
                sentences.append(LateChanges.OUTSIDE.text(**facts))
            else:
                remembered[aggregate.table] = [newest, now.isoformat()]
                noted = moment(waiting.newest)
                because = f"{facts['changes']} by {facts['reasons']}, noted up to {noted}"
                context.log.info(f"refreshes {facts['weeks']} of {aggregate.table}: {because}")
                key = f"{newest}@{now.isoformat()}"
                requests.append(_request(aggregate, grid, waiting.covered, key, because))
        cursor = json.dumps(remembered)
        if requests:
            for sentence in sentences:
                context.log.info(sentence)
            return dg.SensorResult(requests, cursor=cursor)
        nothing = LateChanges.NOTHING.text(aggregates=len(aggregates))
        return dg.SensorResult(skip_reason="; ".join(sentences) or nothing, cursor=cursor)

    return late_changes


def _waiting(
    aggregate: Aggregate,
    pending: Iterable[tuple[str, Window, str, datetime]],
    grid: Grid,
    now: datetime,
) -> _Waiting | None:
    """Return what is to be refreshed now, else what is to be refreshed later, else None."""
    mine = [change[1:] for change in pending if change[0] == aggregate.table]
    ripe = [change for change in mine if change[2] <= now - _PATIENCE[change[1]]]
    chosen = ripe or mine
    if not chosen:
        return None
    windows = [window for window, _, _ in chosen]
    return _Waiting(
        aggregate,
        windows,
        [reason for _, reason, _ in chosen],
        max(noted_at for _, _, noted_at in chosen),
        grid.covering(_span(windows), now),
        None if ripe else min(noted_at + _PATIENCE[reason] for _, reason, noted_at in mine),
    )


def _is_asked(before: list[str], newest: str, now: datetime) -> bool:
    """Return whether a refresh of the same changes was asked for a short while ago."""
    # A clock that was put back keeps nothing waiting.
    since = now - datetime.fromisoformat(before[1])
    return before[0] == newest and timedelta() <= since < _TRY_AGAIN_AFTER


def _span(windows: Iterable[Window]) -> Window:
    known = list(windows)
    return Window(min(window.start for window in known), max(window.end for window in known))


def _request(
    aggregate: Aggregate, grid: Grid, covered: Window, key: str, because: str
) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{aggregate.table}:{key}",
        asset_selection=[aggregate.key],
        tags={**grid.tags(covered), TAG: "true", **why(because)},
        run_config={"ops": {op_name(aggregate.key): {"config": {"only_changed": True}}}},
    )
