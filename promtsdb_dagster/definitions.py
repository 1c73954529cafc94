"""Put the house together: settings, adapters, definitions.

Loads without any environment and opens nothing: what is missing is said by the run, check or
sensor that needs it.
"""

import warnings
from collections.abc import Sequence

import dagster as dg

from promtsdb_dagster.adapters.aggregates import AGGREGATES
from promtsdb_dagster.adapters.migrations import load_migrations
from promtsdb_dagster.adapters.notifiers import notifier_for
from promtsdb_dagster.core.notices import Notifier
from promtsdb_dagster.defs.aggregates import Aggregate, aggregate_asset
from promtsdb_dagster.defs.api import api_specs
from promtsdb_dagster.defs.automation import automation_sensor
from promtsdb_dagster.defs.backfill import backfill_asset
from promtsdb_dagster.defs.checks import checks_schedule, data_checks
from promtsdb_dagster.defs.checks_live import no_gaps_check
from promtsdb_dagster.defs.coverage import COVERAGE_JOB, coverage_asset, coverage_schedule
from promtsdb_dagster.defs.describing import linked_below
from promtsdb_dagster.defs.groups import CUMSUM, INTERNAL, Group, backfill_groups
from promtsdb_dagster.defs.history import history_job, history_sensor
from promtsdb_dagster.defs.housekeeping import (
    HOUSEKEEPING_JOB,
    TAGS_JOB,
    housekeeping_assets,
)
from promtsdb_dagster.defs.late_changes import late_changes_sensor
from promtsdb_dagster.defs.live_gaps import check_schedule, live_gaps_sensor
from promtsdb_dagster.defs.migrations import MIGRATE_JOB, migration_assets
from promtsdb_dagster.defs.notifying import notifying_sensors
from promtsdb_dagster.defs.partitions import WEEK, Grid
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reporting import plain_logger
from promtsdb_dagster.defs.schedules import housekeeping_schedules
from promtsdb_dagster.defs.services import (
    HEALTH_JOB,
    PROMETHEUS,
    TELEGRAF,
    health_checks,
    service_specs,
)
from promtsdb_dagster.defs.staging import empty_check, refusals_check, staging_asset
from promtsdb_dagster.defs.storage import (
    CUMSUM_KEY,
    INTERNAL_KEY,
    storage_sensor,
    storage_specs,
)
from promtsdb_dagster.defs.trying import try_notifier_job
from promtsdb_dagster.defs.upkeep import policies_check, recent_buckets_sensor
from promtsdb_dagster.installation import install
from promtsdb_dagster.settings import Settings, load_settings


def all_aggregates() -> list[Aggregate]:
    """Return the aggregates, in the order in which they are shown."""
    return [Aggregate(*names) for names in AGGREGATES]


def build(
    settings: Settings, project: Project | None = None, notifier: Notifier | None = None
) -> dg.Definitions:
    """Return the definitions of one installation.

    Tests bring a project of their own; whoever has other ways to tell people brings a notifier.
    """
    with warnings.catch_warnings():
        # `backfill_policy=` is beta, and every asset would say so on every command.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _build(settings, project or install(settings), notifier or _notifier(settings))


def _build(settings: Settings, project: Project, notifier: Notifier) -> dg.Definitions:
    migrations = load_migrations(settings.sql_dir)
    migration_chain = migration_assets(migrations)
    schema = migration_chain[-1].key
    groups = backfill_groups(settings.history_start)
    weeks = Grid(settings.history_start, WEEK, ahead=True)
    aggregates = all_aggregates()
    live = groups[-1]
    checks = data_checks(schema, groups, aggregates)
    return dg.Definitions(
        assets=linked_below(
            settings.source_url,
            [
                *service_specs(_addresses(settings)),
                *migration_chain,
                *(backfill_asset(group, [schema, PROMETHEUS]) for group in groups),
                *(staging_asset(name, [schema, TELEGRAF]) for name in (INTERNAL, CUMSUM)),
                *storage_specs(groups),
                *(_aggregate_asset(aggregate, weeks, groups) for aggregate in aggregates),
                *api_specs(migrations, schema, aggregates, settings.api_url),
                *housekeeping_assets(schema),
                coverage_asset([INTERNAL_KEY, CUMSUM_KEY]),
            ],
        ),
        asset_checks=[
            empty_check(INTERNAL),
            empty_check(CUMSUM),
            refusals_check(INTERNAL),
            refusals_check(CUMSUM),
            policies_check(),
            no_gaps_check(live),
            *health_checks(),
            *checks,
        ],
        jobs=[
            MIGRATE_JOB,
            history_job(groups),
            HEALTH_JOB,
            HOUSEKEEPING_JOB,
            TAGS_JOB,
            COVERAGE_JOB,
            try_notifier_job(settings.dagster_public_url),
        ],
        schedules=[
            *housekeeping_schedules(),
            coverage_schedule(),
            check_schedule(live),
            checks_schedule(checks),
        ],
        sensors=[
            automation_sensor(),
            history_sensor(groups),
            late_changes_sensor(aggregates, weeks, groups),
            live_gaps_sensor(live),
            recent_buckets_sensor(),
            storage_sensor(),
            *notifying_sensors(settings.dagster_public_url),
        ],
        resources={"project": project, "notifier": notifier},
        # One asset a run as a rule, and the work is in the source and the database.
        executor=dg.in_process_executor,
        loggers={"plain": plain_logger},
    )


def _notifier(settings: Settings) -> Notifier:
    url = settings.notify_webhook_url
    return notifier_for(url.get_secret_value() if url else None, settings.notify_webhook_format)


def _addresses(settings: Settings) -> dict[str, str | None]:
    return {
        "prometheus": settings.datasource_url,
        "vmalert": settings.vmalert_url,
        "telegraf": settings.telegraf_metrics_url,
        "postgrest": settings.postgrest_admin_url,
        "caddy": settings.api_url,
    }


def _aggregate_asset(
    aggregate: Aggregate, weeks: Grid, groups: Sequence[Group]
) -> dg.AssetsDefinition:
    feeding = [group.key for group in groups if aggregate.source in group.feeds]
    storage = CUMSUM_KEY if aggregate.source == CUMSUM else INTERNAL_KEY
    return aggregate_asset(aggregate, weeks, feeding, storage)


defs = build(load_settings())
