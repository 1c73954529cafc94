"""The four assets that move history from Prometheus into the database."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta

import dagster as dg

from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.dry_run import Estimate
from promtsdb_dagster.core.report import PartitionReport, Progress, Report
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.backfill_config import (
    BackfillConfig,
    Writer,
    judge_replacement,
    only_of,
)
from promtsdb_dagster.defs.describing import OWNERS, links
from promtsdb_dagster.defs.dry_running import (
    end_backfill,
    failed_observation,
    observation,
    until,
)
from promtsdb_dagster.defs.groups import Group
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.replaying import replayer_of
from promtsdb_dagster.defs.reporting import failures_explained, progress_to, window_list
from promtsdb_dagster.errors import PromtsdbError

GROUP = "backfill"
# Runs of this pool ask the same Prometheus; dagster.yaml says how many may do so at once.
POOL = "prometheus"


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
        # A dry run materializes nothing.
        output_required=False,
    )
    def backfill(
        context: dg.AssetExecutionContext,
        config: BackfillConfig,
        project: dg.ResourceParam[Project],
    ) -> Iterator[dg.MaterializeResult[None]]:
        keys = {group.grid.window(key): key for key in context.partition_keys}
        if config.dry_run:
            try:
                estimate = _estimate(context, config, project, group, list(keys))
            except PromtsdbError as error:
                context.log_event(failed_observation(context, error))
            else:
                context.log_event(observation(context, group, estimate))
            end_backfill(context)
            return
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
        yield dg.MaterializeResult()

    return backfill


def _estimate(
    context: dg.AssetExecutionContext,
    config: BackfillConfig,
    project: Project,
    group: Group,
    partitions: Sequence[Window],
) -> Estimate:
    dry_run, now = project.dry_run(), project.now()
    dry_run.check_clock(now)
    on_progress = _progress(context)
    if config.replace:
        judge_replacement(config)
        return dry_run.replace(
            group.rules,
            partitions,
            now=now,
            only=only_of(config),
            accept_loss=config.accept_loss,
            on_progress=on_progress,
        )
    return dry_run.fill(
        group.rules,
        partitions,
        now=now,
        recheck=config.recheck,
        only=only_of(config),
        may_ask=until(config.dry_run_seconds),
        on_progress=on_progress,
    )


def _progress(context: dg.AssetExecutionContext) -> Callable[[Progress], None]:
    report = progress_to(context.log, context.asset_key.to_user_string())
    return lambda progress: report(progress.done, progress.total, amount=progress.rows)


def _run(
    context: dg.AssetExecutionContext,
    config: BackfillConfig,
    project: Project,
    group: Group,
    partitions: Sequence[Window],
) -> Report:
    engine, now = _engine(context, config, project), project.now()
    engine.check_clock(now)
    on_progress = _progress(context)
    if not config.replace:
        return engine.run(
            group.rules,
            partitions,
            now=now,
            recheck=config.recheck,
            only=only_of(config),
            run_id=context.run.run_id,
            on_progress=on_progress,
        )
    judge_replacement(config)
    return project.replacing().run(
        group.rules,
        partitions,
        now=now,
        only=only_of(config),
        accept_loss=config.accept_loss,
        run_id=context.run.run_id,
        on_progress=on_progress,
    )


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
        "rows_deleted": dg.MetadataValue.int(part.rows_deleted),
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
        **_rate(part),
    }


def _rate(part: PartitionReport) -> dict[str, dg.MetadataValue]:
    # Dagster plots the newest event of a partition: where nothing was to be written, zero would
    # take the place of the rate at which it was.
    if not part.rows_written:
        return {}
    return {"rows_per_second": dg.MetadataValue.float(round(part.rows_per_second, 1))}


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
