"""The aggregates, refreshed over exactly the windows that are asked for."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import dagster as dg
from pydantic import Field

from promtsdb_dagster.adapters.aggregates import BUCKET, RefreshReport
from promtsdb_dagster.core.windows import Window, between, floor, parse_instant
from promtsdb_dagster.defs.aggregate_texts import aggregate_links, aggregate_text
from promtsdb_dagster.defs.automation import AUTOMATION_TAG, after_backfill
from promtsdb_dagster.defs.columns import COLUMNS
from promtsdb_dagster.defs.describing import OWNERS
from promtsdb_dagster.defs.partitions import Grid, asked_window
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reporting import counted, failures_explained, progress_to, window_list
from promtsdb_dagster.errors import InputError

GROUP = "aggregates"


@dataclass(frozen=True)
class Aggregate:
    """Hold one aggregate; `source` is the schema of the hypertable that it reads."""

    schema: str
    name: str
    source: str

    @property
    def key(self) -> dg.AssetKey:
        """Return the key of the asset."""
        return dg.AssetKey([self.schema, self.name])

    @property
    def table(self) -> str:
        """Return the name in SQL."""
        return f"{self.schema}.{self.name}"


class RefreshConfig(dg.Config):
    """What a person may choose in the launchpad."""

    window_from: str | None = Field(
        default=None,
        description="Refresh from this instant on, ISO 8601, UTC; unset: from the first partition.",
    )
    window_to: str | None = Field(
        default=None,
        description="Refresh up to this instant, exclusive, ISO 8601, UTC; unset: to the last.",
    )
    only_changed: bool | None = Field(
        default=None,
        description=(
            "true: only what was changed since the last refresh. Unset: true for runs that "
            "automation started, false for those that a person started."
        ),
    )
    rebuild: bool = Field(
        default=False,
        description=(
            "Make the buckets anew even where nothing says that they differ from the raw rows, and "
            "the hours and days above them: for an aggregate that somebody changed by hand. Takes "
            "as long as the first refresh of the range."
        ),
    )


def aggregate_asset(
    aggregate: Aggregate, grid: Grid, backfills: Sequence[dg.AssetKey], storage: dg.AssetKey
) -> dg.AssetsDefinition:
    """Return the asset of one aggregate."""

    @dg.asset(
        key=aggregate.key,
        deps=[storage, *(dg.AssetDep(key, partition_mapping=_by_overlap()) for key in backfills)],
        partitions_def=grid.definition,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=GROUP,
        kinds={"sql", "postgres", "view"},
        owners=OWNERS,
        tags={"schema": aggregate.schema, "step": "1m"},
        automation_condition=after_backfill(backfills, storage),
        description=aggregate_text(aggregate.table),
        metadata={
            "dagster/table_name": aggregate.table,
            "dagster/column_schema": COLUMNS[aggregate.table],
            **aggregate_links(aggregate.name),
        },
    )
    def refresh(
        context: dg.AssetExecutionContext,
        config: RefreshConfig,
        project: dg.ResourceParam[Project],
    ) -> dg.MaterializeResult[None]:
        asked = asked_window(context)
        only_changed = config.only_changed
        if only_changed is None:
            only_changed = AUTOMATION_TAG in context.run.tags
        started = time.monotonic()
        with failures_explained():
            window = clipped(asked, config, project.now())
            if window is None:
                context.log.info(f"nothing of {asked} is left to refresh")
                return dg.MaterializeResult(
                    metadata={"window": str(asked), **_amounts([], 0, time.monotonic() - started)}
                )
            report_progress = progress_to(context.log, aggregate.table)
            report = project.aggregates().refresh(
                aggregate.table,
                window,
                only_changed=only_changed and not config.rebuild,
                rebuild=config.rebuild,
                on_progress=lambda piece, done, total: report_progress(
                    done, total, f"to {piece.end:%Y-%m-%d %H:%M}"
                ),
            )
        seconds = time.monotonic() - started
        context.log.info(_sentence(report, only_changed))
        return dg.MaterializeResult(
            metadata={
                "window": str(window),
                "only_changed": only_changed,
                **_amounts(report.refreshed, report.buckets, seconds),
                "below_floor": str(report.below_floor or "nothing"),
                "engine": report.engine,
            }
        )

    return refresh


def _amounts(
    refreshed: Sequence[Window], buckets: int, seconds: float
) -> dict[str, dg.MetadataValue]:
    """Return the numbers that are plotted, each always of the same type."""
    return {
        "windows": dg.MetadataValue.int(len(refreshed)),
        "windows_refreshed": window_list(refreshed),
        "buckets": dg.MetadataValue.int(buckets),
        "seconds": dg.MetadataValue.float(round(seconds, 3)),
        "buckets_per_second": dg.MetadataValue.float(round(buckets / max(seconds, 0.001), 1)),
    }


def clipped(asked: Window, config: RefreshConfig, now: datetime) -> Window | None:
    """Return what of the partitions is wanted, up to the last whole minute; None if nothing."""
    start = _instant("window_from", config.window_from) or asked.start
    end = _instant("window_to", config.window_to) or asked.end
    if start >= end:
        raise InputError(
            f"window_from {config.window_from!r} is not before window_to {config.window_to!r}; "
            "wanted a range that holds at least one moment; swap them"
        )
    end = min(end, asked.end, floor(now, BUCKET))
    return between(max(start, asked.start), end)


def _instant(field: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError as error:
        raise InputError(
            f"{field} {text!r} is not an instant, wanted ISO 8601 such as 2026-11-15T00:00:00Z; "
            "correct it and launch again"
        ) from error


def _by_overlap() -> dg.TimeWindowPartitionMapping:
    # The week of today holds days that some backfills do not have yet.
    return dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)


def _sentence(report: RefreshReport, only_changed: bool) -> str:
    if not report.refreshed:
        why = "nothing was changed" if only_changed else "the raw rows of all of it are gone"
        return f"nothing to refresh in {report.asked}: {why}"
    return (
        f"refreshed {report.buckets:,} buckets in {counted(len(report.refreshed), 'window')}, "
        f"{report.seconds:.1f} s"
    )
