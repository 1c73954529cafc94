"""The four assets that move history from Prometheus into the database."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from enum import Enum

import dagster as dg
from pydantic import Field

from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.planner import Only
from promtsdb_dagster.core.report import PartitionReport, Progress, Report
from promtsdb_dagster.core.windows import Window, parse_instant
from promtsdb_dagster.defs.describing import OWNERS, links
from promtsdb_dagster.defs.groups import Group
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.replaying import replayer_of
from promtsdb_dagster.defs.reporting import failures_explained, progress_to, window_list
from promtsdb_dagster.errors import InputError

GROUP = "backfill"
# Runs of this pool ask the same Prometheus; dagster.yaml says how many may do so at once.
POOL = "prometheus"


class Writer(Enum):
    """Who brings the rows; the names are what a person writes."""

    direct = "direct"
    replay = "replay"


class BackfillConfig(dg.Config):
    """What a person may choose in the launchpad."""

    recheck: bool = Field(
        default=False,
        description=(
            "Fetch and compare again what the ledger holds as done. Brings back rows that were "
            "lost; rows that are there stay as they are."
        ),
    )
    only: list[str] = Field(
        default=[],
        description=(
            "Windows inside the partitions to which the run keeps, as START/END in ISO 8601, the "
            "end exclusive: 2026-11-22T12:03Z/2026-11-22T12:09Z. Empty: the whole partitions."
        ),
    )
    records: list[str] = Field(
        default=[],
        description=(
            "Rules to which the run keeps, by their record; the second rule of one record is "
            "record#2. Empty: all rules of the group."
        ),
    )
    replace: bool = Field(
        default=False,
        description=(
            "Delete all rows of `records` in the partitions, by whichever group or live path they "
            "came and under whichever labels, and write what the rules of today say: for a rule "
            "that was wrong. Each partition as a whole or not at all."
        ),
    )
    accept_loss: bool = Field(
        default=False,
        description=(
            "With `replace`: also where the source has nothing any more for instants that are "
            "stored. Their rows are lost."
        ),
    )
    writer: Writer = Field(
        default=Writer.direct,
        description=(
            "direct: this run writes the rows. replay: vmalert's replay sends them to Telegraf, "
            "as live samples come, and this run proves that they arrived. Both leave the same "
            "rows; direct is faster and needs neither."
        ),
    )
    arrival_seconds: float = Field(
        default=120,
        gt=0,
        description=(
            "How long after a replay its rows may be on their way through Telegraf. Then the run "
            "fails and says which are missing; any later run completes them."
        ),
    )


def backfill_asset(group: Group, deps: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Return the asset of one group."""

    @dg.asset(
        key=group.key,
        deps=deps,
        partitions_def=group.grid.definition,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=GROUP,
        kinds={"prometheus", "postgres"},
        owners=OWNERS,
        tags=group.tags,
        metadata=links(
            "promtsdb_dagster/defs/backfill.py",
            f"rules/{group.rules}.yaml",
            "promtsdb_dagster/core/backfill.py",
            "promtsdb_dagster/adapters/writer.py",
            "sql/queries/copy_metrics.sql",
            "sql/queries/upsert_ledger.sql",
        ),
        pool=POOL,
        description=group.description,
    )
    def backfill(
        context: dg.AssetExecutionContext,
        config: BackfillConfig,
        project: dg.ResourceParam[Project],
    ) -> dg.MaterializeResult[None]:
        keys = {group.grid.window(key): key for key in context.partition_keys}
        with failures_explained():
            report = _run(context, config, project, group, list(keys))
        parts = {keys[part.window]: part for part in report.partitions}
        context.log.info(_sentence(parts.values()))
        if report.error is not None:
            _keep_what_is_complete(context, parts)
            raise dg.Failure(
                description=str(report.error) or repr(report.error),
                metadata=_totals(parts.values()),
                allow_retries=False,
            ) from report.error
        for key, part in parts.items():
            context.add_asset_metadata(_metadata(part), partition_key=key)
        return dg.MaterializeResult()

    return backfill


def _run(
    context: dg.AssetExecutionContext,
    config: BackfillConfig,
    project: Project,
    group: Group,
    partitions: Sequence[Window],
) -> Report:
    report_progress = progress_to(context.log.info)
    engine, now = _engine(context, config, project), project.now()
    engine.check_clock(now)

    def on_progress(progress: Progress) -> None:
        report_progress(progress.done, progress.total, f"{progress.rows:,} rows")

    if not config.replace:
        return engine.run(
            group.rules,
            partitions,
            now=now,
            recheck=config.recheck,
            only=_only(config),
            run_id=context.run.run_id,
            on_progress=on_progress,
        )
    if config.writer is not Writer.direct:
        raise InputError(
            "`replace` with the writer `replay` makes no sense, wanted `direct`: what is deleted "
            "and what takes its place are one transaction; leave `writer` out"
        )
    return project.replacing().run(
        group.rules,
        partitions,
        now=now,
        only=_only(config),
        accept_loss=config.accept_loss,
        run_id=context.run.run_id,
        on_progress=on_progress,
    )


def _only(config: BackfillConfig) -> Only:
    return Only(tuple(map(_window, config.only)), frozenset(config.records))


def _window(text: str) -> Window:
    start, _, end = text.partition("/")
    try:
        return Window(parse_instant(start), parse_instant(end))
    except ValueError as problem:
        raise InputError(
            f"only={text!r} is not a window ({problem}), wanted START/END in ISO 8601 like "
            "2026-11-22T12:03Z/2026-11-22T12:09Z"
        ) from None


def _engine(
    context: dg.AssetExecutionContext, config: BackfillConfig, project: Project
) -> Backfill:
    if config.writer is Writer.direct:
        return project.backfill()
    replayer = replayer_of(context, project.replay_setup())
    return project.replayed_backfill(replayer, timedelta(seconds=config.arrival_seconds))


def _keep_what_is_complete(
    context: dg.AssetExecutionContext, parts: Mapping[str, PartitionReport]
) -> None:
    """Record the partitions that were committed before the failure; the rest counts as failed."""
    for key, part in parts.items():
        if part.complete:
            context.log_event(
                dg.AssetMaterialization(context.asset_key, partition=key, metadata=_metadata(part))
            )


def _metadata(part: PartitionReport) -> dict[str, dg.MetadataValue]:
    return {
        "window": dg.MetadataValue.text(str(part.window)),
        "rows_written": dg.MetadataValue.int(part.rows_written),
        "rows_already_there": dg.MetadataValue.int(part.rows_present),
        "rows_differing": dg.MetadataValue.int(part.rows_differing),
        "series": dg.MetadataValue.int(part.series),
        "samples_dropped": dg.MetadataValue.int(sum(part.dropped.values())),
        "samples_dropped_why": dg.MetadataValue.json(dict(part.dropped)),
        "labels_repaired": dg.MetadataValue.int(part.repaired_labels),
        "windows": dg.MetadataValue.int(len(part.windows)),
        "windows_written": window_list(part.windows),
        "found_done": dg.MetadataValue.bool(part.found_done),
        "skipped": dg.MetadataValue.json(list(part.skipped)),
        "remarks": dg.MetadataValue.json(list(part.remarks)),
        "seconds": dg.MetadataValue.float(round(part.seconds, 3)),
        "rows_per_second": dg.MetadataValue.float(round(part.rows_per_second, 1)),
    }


def _totals(parts: Collection[PartitionReport]) -> dict[str, dg.MetadataValue]:
    complete = sum(part.complete for part in parts)
    return {
        "partitions_complete": dg.MetadataValue.int(complete),
        "partitions_failed": dg.MetadataValue.int(len(parts) - complete),
        "rows_written": dg.MetadataValue.int(sum(part.rows_written for part in parts)),
    }


def _sentence(parts: Collection[PartitionReport]) -> str:
    return (
        f"{sum(part.complete for part in parts)} of {len(parts)} partitions complete, "
        f"{sum(part.found_done for part in parts)} of them found done: "
        f"{sum(part.rows_written for part in parts):,} rows written, "
        f"{sum(part.rows_present for part in parts):,} already there"
    )
