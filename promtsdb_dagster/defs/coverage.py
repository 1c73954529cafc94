"""Draw what is stored of every metric: an asset with a picture, a table and numbers."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from time import monotonic

import dagster as dg
from pydantic import Field

from promtsdb_dagster.core.coverage import Coverage, Row, State
from promtsdb_dagster.core.windows import Window, between, parse_instant
from promtsdb_dagster.defs.describing import OWNERS, described, links
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reporting import failures_explained
from promtsdb_dagster.defs.schedules import job_schedule
from promtsdb_dagster.defs.storage import GROUP
from promtsdb_dagster.defs.ticks import about
from promtsdb_dagster.errors import InputError

COVERAGE = dg.AssetKey("coverage")
COVERAGE_JOB = dg.define_asset_job(
    # Not as its asset: Dagster takes no two nodes of one name.
    "draw_coverage",
    selection=dg.AssetSelection.assets(COVERAGE),
    description="Draw which hours of each metric are stored, missing, or nowhere.",
)
# Events are kept for ever, and a picture in them is read by every page that shows the asset.
_MOST_BYTES = 300_000


class CoverageConfig(dg.Config):
    """Say which time the picture shows."""

    first_day: str = Field(
        "",
        description="first day, UTC, such as 2026-11-15; empty: where anything is stored or may be "
        "fetched, since BACKFILL_START",
    )


def coverage_asset(tables: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Return the asset, which tells of the tables that it depends on."""

    @dg.asset(
        key=COVERAGE,
        # Not on the aggregates, by which it is read: a group that comes before and after another
        # makes a circle, and the UI draws the groups in any order.
        deps=[*tables],
        group_name=GROUP,
        kinds={"postgres", "python"},
        owners=OWNERS,
        tags={"path": "upkeep"},
        description=described(
            "What is stored of every metric over time, hour by hour, as a picture, a table and "
            "numbers: by the minute, by 15 minutes or by the hour; missing although the source "
            "has it; nowhere, as the source has none. Drawn every day, and whenever it is "
            "materialized. Programs ask `api.get_coverage`.",
            "the database cannot be read; its message says why. A source that is away makes it no "
            "worse than a remark. Where hours are missing, materialize the backfill that has them: "
            "`backfill_1y` or `backfill_1w` for gauges, `backfill_forever` for running totals.",
        ),
        metadata=links(
            "promtsdb_dagster/defs/coverage.py",
            "promtsdb_dagster/core/coverage.py",
            "sql/migrations/064_coverage.up.sql",
            "sql/migrations/068_api_coverage.up.sql",
        ),
    )
    def coverage(
        context: dg.AssetExecutionContext,
        config: CoverageConfig,
        project: dg.ResourceParam[Project],
    ) -> dg.MaterializeResult[None]:
        started = monotonic()
        with failures_explained():
            found = _survey(project, config.first_day)
            picture = picture_of(found)
            remarks = [*found.remarks]
            path = project.coverage_file()
            if why := _kept(picture, path):
                remarks.append(why)
        for remark in remarks:
            context.log.warning(remark)
        return dg.MaterializeResult(
            metadata={
                **_shown(picture),
                **numbers_of(found),
                "metrics_table": table_of(found),
                "window": str(found.span),
                "file": dg.MetadataValue.path(path),
                "remarks": remarks,
                "seconds": round(monotonic() - started, 1),
            }
        )

    return coverage


def coverage_schedule() -> dg.ScheduleDefinition:
    """Return the schedule: daily, as the picture is for people, and each asks the source."""
    return job_schedule(
        COVERAGE_JOB.name,
        # After the tags were tidied, and at no full hour.
        "23 5 * * *",
        timedelta(days=1),
        about(
            "Draws once a day what is stored of every metric.",
            starts="the job `draw_coverage`",
            when_off="the picture grows old; nothing else needs it. `make coverage` draws one too",
        ),
    )


def picture_of(coverage: Coverage) -> bytes:
    """Return the picture as PNG."""
    # Imports Pillow, which the definitions do without.
    from promtsdb_dagster.adapters.coverage_picture import draw

    return draw(coverage)


def numbers_of(coverage: Coverage) -> dict[str, dg.MetadataValue]:
    """Return what Dagster plots."""
    counts = {
        "hours_stored": coverage.hours(State.STORED),
        "hours_missing": coverage.hours(State.MISSING),
        "hours_not_asked": coverage.hours(State.UNKNOWN),
        "hours_source_has_none": coverage.hours(State.ABSENT),
        "minutes_missing": max((row.missing_minutes for row in coverage.rows), default=0),
    }
    numbers: dict[str, dg.MetadataValue] = {
        "metrics": dg.MetadataValue.int(len(coverage.rows)),
        **{name: dg.MetadataValue.int(count) for name, count in counts.items()},
    }
    if coverage.share is not None:
        numbers["percent_stored"] = dg.MetadataValue.float(round(100 * coverage.share, 3))
    return numbers


def table_of(coverage: Coverage) -> dg.TableMetadataValue:
    """Return a line for each metric."""
    return dg.MetadataValue.table([_record(row) for row in coverage.rows])


def _record(row: Row) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "schema": row.schema or "never seen",
            "metric": row.name,
            "percent_stored": "" if row.share is None else round(100 * row.share, 3),
            "hours_stored": row.hours(State.STORED),
            "missing": row.hours(State.MISSING),
            "not_asked": row.hours(State.UNKNOWN),
            "source_has_none": row.hours(State.ABSENT),
            "minutes_missing": row.missing_minutes,
        }
    )


def _survey(project: Project, first_day: str) -> Coverage:
    from promtsdb_dagster.adapters.coverage_layout import MOST_COLUMNS

    now = project.now()
    start = project.policy().history_start
    if first_day:
        try:
            start = parse_instant(first_day)
        except ValueError:
            raise InputError(
                f"first_day {first_day!r} is not a date, wanted one such as 2026-11-15"
            ) from None
    window = between(start, now)
    if window is None:
        raise InputError(f"first_day {start:%Y-%m-%d} is in the future, wanted one before {now}")
    survey = project.coverage()
    return survey.run(Window(start, now), now, most_columns=MOST_COLUMNS, trim=not first_day)


def _shown(picture: bytes) -> dict[str, dg.MetadataValue]:
    if len(picture) > _MOST_BYTES:
        return {}
    encoded = b64encode(picture).decode("ascii")
    # Dagster shows images in Markdown and none in HTML.
    return {"picture": dg.MetadataValue.md(f"![what is stored](data:image/png;base64,{encoded})")}


def _kept(picture: bytes, path: Path) -> str | None:
    """Write the picture; return why that was not possible. The metadata hold it in any case."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    except OSError as error:
        return f"the picture could not be written to {path}: {error.strerror}"
    return None
