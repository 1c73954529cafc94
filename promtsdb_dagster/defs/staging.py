"""Move on what was left in the staging tables, and prove them empty."""

import time
from collections.abc import Sequence

import dagster as dg

from promtsdb_dagster.defs.columns import COLUMNS
from promtsdb_dagster.defs.describing import OWNERS, described, links
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reporting import failures_explained

GROUP = "staging"


def staging_asset(schema: str, deps: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Return the asset that drains the staging tables of one schema."""
    table = f"staging_{schema}.prometheus_remote_write"

    @dg.asset(
        key=dg.AssetKey(f"staging_{schema}"),
        deps=deps,
        group_name=GROUP,
        kinds={"sql", "postgres"},
        owners=OWNERS,
        tags={"path": "live", "schema": schema},
        description=described(
            f"Where Telegraf lands live samples, `staging_{schema}`: empty between two "
            "batches, since a trigger moves each on. Materializing moves what is left, if "
            "something other than Telegraf wrote it or a trigger was off. Safe to repeat.",
            "`empty`: materialize this; rows that come back mean that a trigger is off, see "
            "`schema_true`. `nothing_refused`: docs/reference/staging.md says what each reason "
            "means.",
        ),
        metadata={
            "dagster/table_name": table,
            "dagster/column_schema": COLUMNS[table],
            **links(
                "promtsdb_dagster/defs/staging.py",
                "promtsdb_dagster/adapters/staging.py",
                "sql/queries/drain_staging.sql",
                "sql/migrations/010_staging_tables.up.sql",
                "sql/migrations/059_staging_plain_limits.up.sql",
                "docker/telegraf/telegraf.conf",
            ),
        },
    )
    def drain(
        context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
    ) -> dg.MaterializeResult[None]:
        started = time.monotonic()
        with failures_explained():
            waiting = project.inventory().staged(schema)
            context.log.info(f"{waiting:,} rows wait in staging_{schema}")
            report = project.staging().drain(schema)  # type: ignore[arg-type]
        context.log.info(
            f"moved {report.metrics_moved:,} metric rows and {report.tags_moved:,} tag rows, "
            f"{report.left:,} left"
        )
        return dg.MaterializeResult(
            metadata={
                "metrics_moved": report.metrics_moved,
                "tags_moved": report.tags_moved,
                "left": report.left,
                "dagster/row_count": report.left,
                "seconds": round(time.monotonic() - started, 3),
            }
        )

    return drain


def empty_check(schema: str) -> dg.AssetChecksDefinition:
    """Return the check that the staging tables of one schema hold no row."""

    @dg.asset_check(
        asset=dg.AssetKey(f"staging_{schema}"),
        name="empty",
        description=(
            f"`staging_{schema}` holds no row: everything that arrived was moved on. When it "
            f"fails: materialize staging_{schema}, and see that its trigger is on (schema_true)."
        ),
    )
    def empty(project: dg.ResourceParam[Project]) -> dg.AssetCheckResult:
        with failures_explained():
            left = project.inventory().staged(schema)
        return dg.AssetCheckResult(
            passed=left == 0,
            metadata={"rows": left},
            description=(
                "empty"
                if left == 0
                else f"{left:,} rows wait in staging_{schema}, wanted none; materialize "
                f"staging_{schema} and look why its trigger did not move them"
            ),
        )

    return empty


def refusals_check(schema: str) -> dg.AssetChecksDefinition:
    """Return the check that staging took every row that came."""

    @dg.asset_check(
        asset=dg.AssetKey(f"staging_{schema}"),
        name="nothing_refused",
        description=(
            f"Every row that came to `staging_{schema}` since yesterday, UTC, was stored or stored "
            "already. One that cannot be taken is left out, counted by reason, and costs no other. "
            "When it fails: look at what vmalert and others send to Telegraf; what a backfill "
            "covers is stored by it."
        ),
    )
    def nothing_refused(project: dg.ResourceParam[Project]) -> dg.AssetCheckResult:
        with failures_explained():
            refused = project.inventory().refused(schema)
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in refused.items())
        return dg.AssetCheckResult(
            passed=not refused,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"rows": sum(refused.values()), "by_reason": dg.MetadataValue.json(refused)},
            description=(
                f"refused since yesterday: {reasons}. What a backfill covers is in it already; "
                "for the rest look at what vmalert and others send to Telegraf: "
                "docs/reference/staging.md says what each reason means"
                if refused
                else "every row was taken"
            ),
        )

    return nothing_refused
