"""Move on what was left in the staging tables, and prove them empty."""

from collections.abc import Sequence

import dagster as dg

from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reporting import failures_explained

GROUP = "staging"


def staging_asset(schema: str, deps: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Return the asset that drains the staging tables of one schema."""

    @dg.asset(
        key=dg.AssetKey(f"staging_{schema}"),
        deps=deps,
        group_name=GROUP,
        kinds={"sql", "postgres"},
        description=(
            f"Moves what is left in `staging_{schema}` to where the trigger would have put it. "
            "Rows stay behind only when something other than Telegraf wrote them, or a trigger "
            "was off. Safe to repeat."
        ),
    )
    def drain(
        context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
    ) -> dg.MaterializeResult[None]:
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
