"""The README answers at a glance, and its numbers are those of the results."""

from __future__ import annotations

import re

from promtsdb_dagster.definitions import defs
from promtsdb_dagster.settings import ROOT
from tests.docs.reading import anchors

PAGE = ROOT / "README.md"
README = PAGE.read_text(encoding="utf-8")
FAULTS = (ROOT / "docs/reference/faults.md").read_text(encoding="utf-8")
# The group of what Dagster makes of the migrations alone would be in the table, too.
GROUPS = {spec.group_name for spec in defs.resolve_all_asset_specs()}


def test_it_is_one_page() -> None:
    assert len(README.splitlines()) <= 160


def test_it_answers_the_three_questions() -> None:
    assert {"what-is-here", "is-it-right", "try-it", "where-to-go-on"} <= anchors(PAGE)


def test_its_table_has_every_group_of_the_graph() -> None:
    _, _, table = README.partition("| group | what it does |\n| --- | --- |\n")
    named = re.findall(r"^\| `(\w+)` \|", table.partition("\n\n")[0], re.MULTILINE)
    assert sorted(named) == sorted(map(str, GROUPS))


def test_the_faults_are_those_that_were_tried() -> None:
    """`make faults` writes the page from its results."""
    engines = re.findall(
        r"^\w+: ([\d,]+) tries, (\d+) rows lost, (\d+) doubled, (\d+) wrong", FAULTS, re.MULTILINE
    )
    tries, lost, doubled, wrong = (
        sum(int(number.replace(",", "")) for number in numbers)
        for numbers in zip(*engines, strict=True)
    )
    told = " ".join(README.split())
    assert f"{tries:,} tries with" in told
    assert f"{lost} rows lost, {doubled} doubled, {wrong} wrong" in told
