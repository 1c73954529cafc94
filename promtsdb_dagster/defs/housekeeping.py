"""Keep the database in shape: expired rows, newest buckets, unused tags, old notes."""

import time
from collections.abc import Callable, Mapping, Sequence

import dagster as dg

from promtsdb_dagster.adapters.housekeeping import RecentReport
from promtsdb_dagster.defs.describing import OWNERS
from promtsdb_dagster.defs.housekeeping_texts import HOUSEKEEPING_LINKS, HOUSEKEEPING_TEXTS
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reporting import (
    SECONDS_BETWEEN_LINES,
    counted,
    failures_explained,
    progress_to,
)
from promtsdb_dagster.defs.storage import CUMSUM_KEY, INTERNAL_KEY, TAG_KEY

GROUP = "housekeeping"
EXPIRED_ROWS = dg.AssetKey("expired_rows")
RECENT_BUCKETS = dg.AssetKey("recent_buckets")
UNUSED_TAGS = dg.AssetKey("unused_tags")
OLD_NOTES = dg.AssetKey("old_notes")
_KINDS = {"sql", "postgres"}
_TAGS = {"path": "upkeep"}
_BY_POLICY = "TimescaleDB's own policy does this; the check policies_healthy looks after it"

HOUSEKEEPING_JOB = dg.define_asset_job(
    "housekeeping",
    selection=dg.AssetSelection.assets(RECENT_BUCKETS, EXPIRED_ROWS, OLD_NOTES),
    description="Bring the newest buckets up to date, drop what has expired, check the policies.",
)
TAGS_JOB = dg.define_asset_job(
    "tidy_tags",
    selection=dg.AssetSelection.assets(UNUSED_TAGS),
    description="Look at all rows for tags that none refers to, and retire those.",
)


def housekeeping_assets(schema: dg.AssetKey) -> list[dg.AssetsDefinition]:
    """Return the assets of the group; `schema` is the last migration."""
    return [
        _recent_buckets(schema),
        _expired_rows(schema),
        _unused_tags(schema),
        _old_notes(schema),
    ]


def _recent_buckets(schema: dg.AssetKey) -> dg.AssetsDefinition:
    @dg.asset(
        key=RECENT_BUCKETS,
        deps=[schema, INTERNAL_KEY, CUMSUM_KEY],
        group_name=GROUP,
        kinds=_KINDS,
        owners=OWNERS,
        tags=_TAGS,
        description=HOUSEKEEPING_TEXTS["recent_buckets"],
        metadata=HOUSEKEEPING_LINKS["recent_buckets"],
    )
    def recent_buckets(
        context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
    ) -> dg.MaterializeResult[None]:
        with failures_explained():
            report = project.housekeeping().refresh_recent()
            noted = project.housekeeping().note_missed()
        if report.engine == "timescaledb":
            if noted:
                context.log.warning(
                    f"the policies of {', '.join(noted)} stood still for over an hour; what they "
                    "missed is noted, and refreshed by the sensor late_changes"
                )
            return _left_to_policy(context, {"noted": noted})
        context.log.info(refreshed_sentence(report))
        return dg.MaterializeResult(
            metadata={
                "engine": report.engine,
                "buckets": sum(each.buckets for each in report.refreshed),
                "refreshed_to": {each.aggregate: str(each.to) for each in report.refreshed},
            }
        )

    return recent_buckets


def _expired_rows(schema: dg.AssetKey) -> dg.AssetsDefinition:
    @dg.asset(
        key=EXPIRED_ROWS,
        deps=[schema, INTERNAL_KEY],
        group_name=GROUP,
        kinds=_KINDS,
        owners=OWNERS,
        tags=_TAGS,
        description=HOUSEKEEPING_TEXTS["expired_rows"],
        metadata=HOUSEKEEPING_LINKS["expired_rows"],
    )
    def expired_rows(
        context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
    ) -> dg.MaterializeResult[None]:
        say = _now_and_then(context.log.info)
        with failures_explained():
            report = project.housekeeping().drop_expired(
                lambda rows, to: say(f"{counted(rows, 'row')} dropped, up to {to:%Y-%m-%d %H:%M}")
            )
        if report.engine == "timescaledb":
            return _left_to_policy(context)
        rest = "" if report.complete else ", more next time"
        context.log.info(f"{counted(report.rows, 'row')} dropped{rest}")
        return dg.MaterializeResult(
            metadata={
                "engine": report.engine,
                "rows": report.rows,
                "dropped_to": str(report.dropped_to or "nothing is that old"),
                "complete": report.complete,
            }
        )

    return expired_rows


def _unused_tags(schema: dg.AssetKey) -> dg.AssetsDefinition:
    @dg.asset(
        key=UNUSED_TAGS,
        deps=[schema, TAG_KEY],
        group_name=GROUP,
        kinds=_KINDS,
        owners=OWNERS,
        tags=_TAGS,
        description=HOUSEKEEPING_TEXTS["unused_tags"],
        metadata=HOUSEKEEPING_LINKS["unused_tags"],
    )
    def unused_tags(
        context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
    ) -> dg.MaterializeResult[None]:
        said = progress_to(context.log, "unused_tags")
        with failures_explained():
            report = project.unused_tags().tidy(
                lambda where, left, done, total: said(
                    done, total, f"{where}: {counted(left, 'tag')} not seen yet"
                )
            )
        if report.postponed:
            context.log.info(
                f"{counted(report.postponed, 'tag')} could not be retired, since the tag table was "
                "in use all the time; tried again at the next tick"
            )
        return dg.MaterializeResult(
            metadata={
                "tags": report.tags,
                "unused": report.unused,
                "noticed": report.noticed,
                "retired": report.retired,
                "restored": report.restored,
                "forgotten": report.forgotten,
                "postponed": report.postponed,
            }
        )

    return unused_tags


def _old_notes(schema: dg.AssetKey) -> dg.AssetsDefinition:
    @dg.asset(
        key=OLD_NOTES,
        deps=[schema],
        group_name=GROUP,
        kinds=_KINDS,
        owners=OWNERS,
        tags=_TAGS,
        description=HOUSEKEEPING_TEXTS["old_notes"],
        metadata=HOUSEKEEPING_LINKS["old_notes"],
    )
    def old_notes(
        context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
    ) -> dg.MaterializeResult[None]:
        with failures_explained():
            dropped = project.housekeeping().drop_old_notes()
        context.log.info(", ".join(f"{rows:,} of {table}" for table, rows in dropped.items()))
        return dg.MaterializeResult(metadata={**dropped})

    return old_notes


def _left_to_policy(
    context: dg.AssetExecutionContext, more: Mapping[str, list[str]] | None = None
) -> dg.MaterializeResult[None]:
    context.log.info(_BY_POLICY)
    return dg.MaterializeResult(
        metadata={"engine": "timescaledb", "nothing_done": _BY_POLICY, **(more or {})}
    )


def refreshed_sentence(report: RecentReport) -> str:
    """Return what a refresh of the newest buckets did."""
    changed = sum(each.buckets for each in report.refreshed)
    to = min((each.to for each in report.refreshed), default=None)
    done = f"{counted(changed, 'bucket')} changed"
    if to:
        done += f", all done up to {to:%Y-%m-%d %H:%M} UTC"
    busy: Sequence[str] = report.busy
    return f"{done}; {', '.join(busy)} were in use, tried again" if busy else done


def _now_and_then(say: Callable[[str], None]) -> Callable[[str], None]:
    """Return what says only a few of the many lines that it is given."""
    said_at: float | None = None

    def report(text: str) -> None:
        nonlocal said_at
        if said_at is None or time.monotonic() - said_at >= SECONDS_BETWEEN_LINES:
            said_at = time.monotonic()
            say(text)

    return report
