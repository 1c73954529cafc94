"""Refresh what a backfill changed, when that backfill is over."""

from collections.abc import Sequence

import dagster as dg

# Dagster puts it on every run that an automation condition asked for.
AUTOMATION_TAG = "dagster/from_automation_condition"


def after_backfill(
    backfills: Sequence[dg.AssetKey], storage: dg.AssetKey
) -> dg.AutomationCondition[dg.AssetKey]:
    """Return the condition: something that feeds this changed, and nothing still works on it."""
    condition = dg.AutomationCondition
    changed = condition.any_deps_updated().allow(dg.AssetSelection.assets(*backfills))
    # Asked of the table, which knows no partitions: a range run writes the events of its
    # partitions one by one, and asked of each partition alone would be refreshed in pieces.
    busy = condition.any_deps_match(condition.any_deps_in_progress()).allow(
        dg.AssetSelection.assets(storage)
    )
    return (changed.since_last_handled() & ~busy & ~condition.in_progress()).with_label(
        "after_backfill"
    )


def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """Return the one sensor that evaluates the conditions."""
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=10,
        description=(
            "Refreshes the aggregates that a backfill feeds, once, when all runs of that backfill "
            "are over, and only the windows that it changed."
        ),
    )
