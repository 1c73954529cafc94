"""The checks that watch the data in production, and when they run."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from promtsdb_dagster.defs.aggregates import Aggregate
from promtsdb_dagster.defs.checks_buckets import buckets_check
from promtsdb_dagster.defs.checks_rows import (
    FRESH,
    doubles_check,
    freshness_check,
    ledger_check,
    orphans_check,
)
from promtsdb_dagster.defs.checks_schema import schema_check
from promtsdb_dagster.defs.groups import CUMSUM, INTERNAL, Group
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.schedules import start_when_ready
from promtsdb_dagster.defs.services import SERVICES
from promtsdb_dagster.defs.ticks import about

CHECKS_JOB = "checks"


def data_checks(
    schema: dg.AssetKey, groups: Sequence[Group], aggregates: Sequence[Aggregate]
) -> list[dg.AssetChecksDefinition]:
    """Return the checks that look at nothing but the database; `schema` is the last migration."""
    return [
        schema_check(schema),
        orphans_check(),
        doubles_check(),
        freshness_check(),
        *(ledger_check(group) for group in groups),
        *(buckets_check(aggregate) for aggregate in aggregates),
    ]


def checks_schedule(checks: Sequence[dg.AssetChecksDefinition]) -> dg.ScheduleDefinition:
    """Return the schedule of the data's checks, staging's and the services', with its job."""
    # Live rows are looked at every ten minutes, with the comparison with the source.
    hourly = [key for check in checks for key in check.check_keys if key != FRESH]
    others = [*SERVICES, f"staging_{INTERNAL}", f"staging_{CUMSUM}"]

    @dg.schedule(
        name=CHECKS_JOB,
        job=dg.define_asset_job(
            CHECKS_JOB,
            selection=dg.AssetSelection.checks(*hourly)
            | dg.AssetSelection.checks_for_assets(*(dg.AssetKey(name) for name in others)),
            description=(
                "Look whether data, schema, staging and services are as they should be. Changes "
                "nothing; a check that fails says what to do."
            ),
        ),
        # Neither at a full hour nor when housekeeping writes.
        cron_schedule="37 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        **about(
            "Looks every hour whether data, schema, staging and services are as they should be.",
            starts=f"the job `{CHECKS_JOB}`, which changes nothing",
            when_off="nobody notices what these checks would find",
        ),
    )
    def run_checks(
        context: dg.ScheduleEvaluationContext, project: dg.ResourceParam[Project]
    ) -> dg.RunRequest | dg.SkipReason:
        return start_when_ready(context, project, CHECKS_JOB, timedelta(hours=1))

    return run_checks
