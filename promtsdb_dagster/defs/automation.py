"""Refresh what a backfill changed, when that backfill is over."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from promtsdb_dagster.defs.ticks import about

# Dagster puts it on every run that an automation condition asked for.
AUTOMATION_TAG = "dagster/from_automation_condition"


def after_backfill(
    backfills: Sequence[dg.AssetKey], storage: dg.AssetKey
) -> dg.AutomationCondition[dg.AssetKey]:
    """Return the condition: something that feeds this changed, and nothing still works on it.

    The page of an evaluation shows the labels, a line each, with the partitions they hold for.
    """
    condition = dg.AutomationCondition
    stored = (
        condition.newly_updated().with_label("something was stored since the last look")
        & (
            ~condition.executed_with_root_target().with_label("by a run that refreshes this too")
        ).with_label("by a run that does not refresh this too")
    ).with_label("something new was stored by it")
    changed = (
        condition.any_deps_match(
            (
                stored | condition.will_be_requested().with_label("automation asks for it just now")
            ).with_label("of each of them")
        )
        .allow(dg.AssetSelection.assets(*backfills))
        .with_label("of the backfills that feed it, one has stored something")
    )
    handled = (
        condition.newly_requested().with_label("it was asked for by automation")
        | condition.newly_updated().with_label("it was refreshed")
        | condition.initial_evaluation().with_label("automation looks for the first time")
    ).with_label("it was refreshed, or asked for, after that")
    # Asked of the table, which knows no partitions: a range run writes the events of its
    # partitions one by one, and asked of each partition alone would be refreshed in pieces.
    busy = (
        condition.any_deps_match(
            condition.any_deps_match(_at_work()).with_label("of what writes to that table")
        )
        .allow(dg.AssetSelection.assets(storage))
        .with_label("a run still writes to its table")
    )
    return (
        changed.since(handled).with_label("a backfill changed it since its last refresh")
        & (~busy).with_label("no run writes to its table any more")
        & (~_at_work()).with_label("it is not being refreshed already")
    ).with_label("refresh what a backfill changed, when that backfill is over")


def _at_work() -> dg.AutomationCondition[Any]:
    condition = dg.AutomationCondition
    return (
        condition.run_in_progress().with_label("a run of it waits or works")
        | condition.backfill_in_progress().with_label("a backfill of it goes on")
    ).with_label("something is at work")


def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """Return the one sensor that evaluates the conditions."""
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=10,
        **about(
            "Refreshes the aggregates that a backfill feeds, once, when all runs of that backfill "
            "are over, and only the windows that it changed. The tab *Automation* of an aggregate "
            "says at each evaluation what it waits for.",
            starts="one run an aggregate, over the weeks that a backfill changed",
            when_off="late_changes refreshes what a backfill changed, a quarter of an hour later",
        ),
    )
