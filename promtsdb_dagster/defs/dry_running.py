"""Tell what a backfill would do: in the run's log, and as an observation of its asset."""

import time
from collections.abc import Callable, Sequence

import dagster as dg

from promtsdb_dagster.core.dry_run import Duration, Estimate, Measured, PartitionEstimate, duration
from promtsdb_dagster.defs.groups import Group
from promtsdb_dagster.defs.reporting import format_seconds
from promtsdb_dagster.errors import PromtsdbError

# Of so many materializations the pace is taken.
_LATEST = 200
_MOST_ROWS = 400
_BACKFILL_TAG = "dagster/backfill"
# The observation that has it has nothing else.
WOULD_FAIL = "would_fail"
# What is added up, and its name in the observation.
COUNTS: dict[str, Callable[[PartitionEstimate], int]] = {
    "queries": lambda part: part.report.queries,
    "instants": lambda part: part.report.instants,
    "rows_expected": lambda part: part.rows_expected,
    "rows_done": lambda part: part.rows_done,
    "rows_to_write": lambda part: part.report.rows_written,
    "rows_already_there": lambda part: part.report.rows_present,
    "rows_differing": lambda part: part.report.rows_differing,
    "rows_to_delete": lambda part: part.report.rows_deleted,
    "instants_lost": lambda part: part.report.instants_lost,
    "samples_dropped": lambda part: sum(part.report.dropped.values()),
}


def until(seconds: float, clock: Callable[[], float] = time.monotonic) -> Callable[[], bool]:
    """Return what says whether the source may still be asked; the first time it always may."""
    ends: list[float] = []

    def may_ask() -> bool:
        if not ends:
            ends.append(clock() + seconds)
            return True
        return clock() < ends[0]

    return may_ask


def earlier_pace(instance: dg.DagsterInstance, key: dg.AssetKey) -> Measured | None:
    """Return how fast the latest materializations of an asset moved rows, or None."""
    rows, seconds, partitions = 0, 0.0, 0
    for record in instance.fetch_materializations(key, limit=_LATEST).records:
        made = record.asset_materialization
        values = {name: value.value for name, value in made.metadata.items()} if made else {}
        moved = _number(values.get("rows_written")) + _number(values.get("rows_already_there"))
        took = _number(values.get("seconds"))
        if moved and took:
            rows, seconds, partitions = rows + int(moved), seconds + took, partitions + 1
    return Measured(rows, seconds, partitions) if partitions else None


def observation(
    context: dg.AssetExecutionContext, group: Group, estimate: Estimate
) -> dg.AssetObservation:
    """Return what to record of a dry run, after saying it in the log."""
    took = duration(estimate, earlier_pace(context.instance, group.key), group.asset)
    said = sentences(estimate, took)
    # The rest is said by the observation, and by the command after its table.
    context.log.info(said[0])
    left_out = [
        f"{group.grid.key(part.report.window.start)}: {text}"
        for part in estimate.partitions
        for text in [*part.report.skipped, *part.report.remarks]
    ]
    todo = estimate.total(lambda part: bool(part.report.instants))
    return dg.AssetObservation(
        context.asset_key,
        description=f"dry run: nothing was written. {'; '.join(said)}",
        metadata={
            "partitions": dg.MetadataValue.int(len(estimate.partitions)),
            "partitions_to_do": dg.MetadataValue.int(todo),
            **{name: dg.MetadataValue.int(estimate.total(count)) for name, count in COUNTS.items()},
            "expected_seconds": dg.MetadataValue.float(round(took.seconds, 3)),
            "rows_per_second": dg.MetadataValue.float(round(took.rows_per_second, 1)),
            "rate_from": dg.MetadataValue.text(took.basis),
            "rows_counted": dg.MetadataValue.text(
                "each" if estimate.is_exact else "in part; the rest is estimated"
            ),
            "would_be_refused": dg.MetadataValue.text(estimate.refusal or "no"),
            "left_out": dg.MetadataValue.json(left_out),
            "by_partition": table(group, estimate),
        },
    )


def failed_observation(
    context: dg.AssetExecutionContext, error: PromtsdbError
) -> dg.AssetObservation:
    """Return what to record where a run would fail before it did anything.

    A dry run that failed itself would show its partitions as failed.
    """
    context.log.error("a run would fail: %s", error)
    return dg.AssetObservation(
        context.asset_key,
        description=f"dry run: nothing was written. A run would fail: {error}",
        metadata={WOULD_FAIL: dg.MetadataValue.text(str(error))},
    )


def end_backfill(context: dg.AssetExecutionContext) -> None:
    """Let the backfill that asked for this run be over.

    Its daemon waits for materializations, and a minute later would call it failed.
    """
    name = context.run.tags.get(_BACKFILL_TAG)
    if not name:
        return
    try:
        _end(context.instance, name)
    except Exception as error:
        # What this uses of Dagster is not public; the dry run is done in any case.
        context.log.warning(
            "the backfill %s could not be ended (%r): Dagster will show it as failed, and nothing "
            "follows from that",
            name,
            error,
        )


def _end(instance: dg.DagsterInstance, name: str) -> None:
    # Dagster has no public name for this.
    from dagster._core.execution.backfill import BulkActionStatus

    backfill = instance.get_backfill(name)
    if backfill is None or backfill.status is not BulkActionStatus.REQUESTED:
        return
    if backfill.submitting_run_requests:
        # Other runs of it are on their way: leave it to the daemon.
        return
    over = backfill.with_status(BulkActionStatus.COMPLETED_SUCCESS)  # type: ignore[no-untyped-call]
    instance.update_backfill(over.with_end_timestamp(time.time()))


def sentences(estimate: Estimate, took: Duration) -> list[str]:
    """Return what a run would do, and how long it would take, for a person."""
    total = {name: estimate.total(count) for name, count in COUNTS.items()}
    about = "" if estimate.is_exact else "about "
    rows = f"{about}{total['rows_to_write']:,} rows"
    deleted = f"delete {total['rows_to_delete']:,} rows and " if total["rows_to_delete"] else ""
    what = (
        f"a run would {deleted}write {rows} and find {about}{total['rows_already_there']:,} "
        f"already there, by {total['queries']:,} queries for {total['instants']:,} instants; "
        f"{total['rows_done']:,} of {about}{total['rows_expected']:,} rows are done by the ledger"
    )
    how_long = (
        f"it would take about {format_seconds(took.seconds)} at {took.rows_per_second:,.0f} "
        f"rows/s, {took.basis}"
    )
    said = [what, how_long]
    if estimate.refusal:
        said.append(f"it would be refused: {estimate.refusal}")
    return said


def table(group: Group, estimate: Estimate) -> dg.TableMetadataValue:
    """Return one line a partition; a long table is cut and says so."""
    parts = estimate.partitions
    records = [_record(group.grid.key(p.report.window.start), p) for p in parts[:_MOST_ROWS]]
    if rest := parts[_MOST_ROWS:]:
        records.append(
            dg.TableRecord({"partition": f"and {len(rest)} more", **_sums(rest), "left_out": ""})
        )
    return dg.MetadataValue.table(
        records,
        schema=dg.TableSchema(
            [
                dg.TableColumn(name, "string" if isinstance(value, str) else "int")
                for name, value in (records[0].data if records else {}).items()
            ]
        ),
    )


def _record(key: str, part: PartitionEstimate) -> dg.TableRecord:
    report = part.report
    why = "; ".join([*report.skipped, *([] if report.asked else ["rows estimated"])])
    return dg.TableRecord({"partition": key, **_sums([part]), "left_out": why})


def _sums(parts: Sequence[PartitionEstimate]) -> dict[str, int]:
    shown = {
        "windows": lambda part: len(part.report.windows),
        "rules": lambda part: part.report.rules,
        **COUNTS,
    }
    return {name: sum(map(count, parts)) for name, count in shown.items()}


def _number(value: object) -> float:
    return value if isinstance(value, (int, float)) else 0
