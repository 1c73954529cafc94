"""Refresh what a backfill changed, when that backfill is over."""

from collections.abc import Sequence

import dagster as dg

# Dagster puts it on every run that an automation condition asked for.
AUTOMATION_TAG = "dagster/from_automation_condition"


def after_backfill(
    backfills: Sequence[dg.AssetKey],
) -> dg.AutomationCondition:  # type: ignore[type-arg]  # dagster exports no name for its parameter
    """Return the condition: something that feeds this changed, and nothing still works on it."""
    fed_by = dg.AssetSelection.assets(*backfills)
    condition = dg.AutomationCondition
    return (
        condition.any_deps_updated().allow(fed_by).since_last_handled()
        & ~condition.any_deps_in_progress().allow(fed_by)
        & ~condition.in_progress()
    ).with_label("after_backfill")


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
