"""The page of what starts by itself: sensors and schedules, and why a tick did nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import dagster as dg

from docgen.asset_runs import real_definitions
from docgen.markdown import anchor, code, page, table
from promtsdb_dagster.defs.automation import AUTOMATION_TAG
from promtsdb_dagster.defs.reasons import reasons_of
from promtsdb_dagster.defs.ticks import WHY_TAG

INTRODUCTION = f"""\
What starts by itself. All of it is on from the beginning, and can be switched off on the page
*Automation* of the UI. Each tick there says what it looked at and what it starts next; a run says
in its tag `{WHY_TAG}` why it was started, those of the sensor `automation` in
`{AUTOMATION_TAG}`. Words in braces are filled in by the tick. A tick that starts something
has a log. Times are UTC.

Nobody inside Dagster can tell that its daemon stands still: watch it
[from outside](../how-to/be-told-of-failures.md#watch-the-daemon-itself).
"""
_NAME = re.compile(r"\{(\w+)\}")


def page_text() -> str:
    """Return the page."""
    with real_definitions() as definitions:
        repository = definitions.get_repository_def()
        sensors = sorted(repository.sensor_defs, key=lambda each: each.name)
        schedules = sorted(repository.schedule_defs, key=lambda each: each.name)
        lines = _overview([*sensors, *schedules])
        lines += ["## Sensors", ""]
        for sensor in sensors:
            lines += _section(sensor)
            if isinstance(sensor, dg.AutomationConditionSensorDefinition):
                lines += _conditions(definitions)
        lines += ["## Schedules", ""]
        for schedule in schedules:
            lines += _section(schedule)
    return page("Sensors and schedules", INTRODUCTION, lines)


def _overview(all_of_them: list[Any]) -> list[str]:
    rows = [
        [f"[`{each.name}`]({anchor(each.name)})", _looks(each), _metadata(each, "starts")]
        for each in all_of_them
    ]
    return table(["name", "looks", "starts"], rows)


def _section(definition: Any) -> list[str]:
    what, starts, off = (_metadata(definition, name) for name in ("what", "starts", "when_off"))
    lines = [f"### {definition.name}", "", f"Looks {_looks(definition)}.", "", what, ""]
    lines += [f"**It starts** {starts}.", "", f"**When it is off:** {off}.", ""]
    reasons = reasons_of(definition.name)
    if reasons:
        lines += ["A tick that starts nothing says one of these:", ""]
        lines += [f"* {_shown(reason.template)}" for reason in reasons.values()]
        lines.append("")
    return lines


def _conditions(definitions: dg.Definitions) -> list[str]:
    nodes = definitions.resolve_asset_graph().asset_nodes
    conditions = {node.automation_condition for node in nodes if node.automation_condition}
    labels = sorted({tuple(_labels(condition, 0)) for condition in conditions})
    lines = ["The page of an evaluation shows these lines, each with the weeks that it holds for:"]
    for label in labels:
        lines += ["", *label]
    return [*lines, ""]


def _labels(condition: Any, depth: int) -> Iterator[str]:
    label = condition.get_label()
    if label:
        yield f"{'  ' * depth}* {label}"
        depth += 1
    for child in condition.children:
        yield from _labels(child, depth)


def _looks(definition: Any) -> str:
    if isinstance(definition, dg.ScheduleDefinition):
        return f"at {code(definition.cron_schedule)}"
    return f"every {definition.minimum_interval_seconds} s"


def _metadata(definition: Any, name: str) -> str:
    return str(definition.metadata[name].value)


def _shown(template: str) -> str:
    return _NAME.sub(r"*{\1}*", template)
