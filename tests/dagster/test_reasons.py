"""Every sensor and schedule explains itself, in words that the reference lists."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg

from promtsdb_dagster.defs import reasons
from promtsdb_dagster.defs.reasons import REASONS, Reason, reasons_of
from promtsdb_dagster.settings import ROOT

DEFS = ROOT / "promtsdb_dagster" / "defs"
PAGE = ROOT / "docs" / "reference" / "sensors.md"


def _sources() -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in DEFS.glob("*.py")}


def _all() -> dict[str, Reason]:
    return {
        f"{name}.{key}": reason
        for name, each in vars(reasons).items()
        if isinstance(each, type)
        for key, reason in vars(each).items()
        if isinstance(reason, Reason)
    }


def test_all_that_start_by_themselves_have_reasons(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    names = {each.name for each in (*repository.sensor_defs, *repository.schedule_defs)}
    assert names == set(REASONS)
    listed = {id(reason) for name in REASONS for reason in reasons_of(name).values()}
    assert listed == {id(reason) for reason in _all().values()}


def test_no_tick_has_a_reason_that_is_not_listed_and_none_is_listed_in_vain() -> None:
    sources = _sources()
    for path, text in sources.items():
        if path.name != "reasons.py":
            assert not re.search(r"SkipReason\(", text), path
    used = "\n".join(text for path, text in sources.items() if path.name != "reasons.py")
    # `_not_told` is given the class.
    used = re.sub(r"\breasons\.(\w+)", r"NotifyFailures.\1 NotifyChecks.\1", used)
    assert [name for name in _all() if not re.search(rf"\b{name}\b", used)] == []


def test_the_reference_lists_each_with_its_interval_and_reasons(
    definitions: dg.Definitions,
) -> None:
    """`python -m docgen sensors` writes it."""
    page = PAGE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", page, re.DOTALL | re.MULTILINE))
    repository = definitions.get_repository_def()
    assert set(sections) == set(REASONS)
    for sensor in repository.sensor_defs:
        assert f"every {sensor.minimum_interval_seconds} s" in sections[sensor.name]
    for schedule in repository.schedule_defs:
        assert f"`{schedule.cron_schedule}`" in sections[schedule.name]
    for name, section in sections.items():
        told = [line.replace("*{", "{").replace("}*", "}") for line in section.splitlines()]
        for reason in reasons_of(name).values():
            assert f"* {reason.template}" in told, name


def test_each_says_what_it_starts_and_what_happens_without_it(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    for each in (*repository.sensor_defs, *repository.schedule_defs):
        assert "\n\nIt starts: " in (each.description or ""), each.name
        assert "\n\nWhen it is off: " in (each.description or ""), each.name
        assert not {"`", "*"} & set(each.description or ""), "the UI shows Markdown as it is typed"
        assert {"what", "starts", "when_off", "reference"} <= set(each.metadata), each.name


def test_every_line_of_an_evaluation_is_a_sentence(definitions: dg.Definitions) -> None:
    nodes = definitions.resolve_asset_graph().asset_nodes
    conditions = [node.automation_condition for node in nodes if node.automation_condition]
    assert conditions
    seen = []
    while conditions:
        condition = conditions.pop()
        conditions += condition.children
        label = condition.get_label()
        assert label, condition
        assert "_" not in label, label
        seen.append(label)
    assert "no run writes to its table any more" in seen


def test_instants_in_a_reason_are_told_to_the_minute() -> None:
    from tests.dagster.fakes import NOW

    assert Reason("at {when}").text(when=NOW) == "at 2026-11-18 12:00 UTC"
