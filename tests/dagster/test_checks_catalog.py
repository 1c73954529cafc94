"""The reference of the checks says of each what the definitions say."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import dagster as dg
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "checks.md").read_text(encoding="utf-8")
NEWEST = "the last migration"


def _rows(header: str) -> list[list[str]]:
    """Return the cells of the table with that header."""
    table = PAGE.split(f"| {header} |")[1].split("\n\n")[0]
    return [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in table.split("\n")[2:]
    ]


def _names(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell)) or {cell}


def _keys(definitions: dg.Definitions) -> set[dg.AssetCheckKey]:
    return set(definitions.resolve_asset_graph().asset_check_keys)


def test_every_check_is_listed_with_its_assets(definitions: dg.Definitions) -> None:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for key in _keys(definitions):
        asset = key.asset_key.to_user_string()
        found[key.name].add(NEWEST if asset.startswith("migrations/") else asset)
    rows = _rows("check | on | runs | fails as | blocks")
    assert {row[0].strip("`"): _names(row[1]) for row in rows} == found


def test_the_jobs_are_those_that_run_them(definitions: dg.Definitions) -> None:
    schedules = definitions.get_repository_def().schedule_defs
    crons = {schedule.job_name: schedule.cron_schedule for schedule in schedules}
    runs: defaultdict[str, set[str]] = defaultdict(set)
    for job in crons:
        for key in definitions.resolve_job_def(job).asset_layer.asset_graph.asset_check_keys:
            runs[key.name].add(job)
    rows = _rows("check | on | runs | fails as | blocks")
    assert {row[0].strip("`"): _names(row[2]) for row in rows} == runs
    told = {row[0].strip("`"): row[1].strip("`") for row in _rows("job | schedule, UTC")}
    assert told == {job: crons[job] for job in set().union(*runs.values())}


def test_what_blocks_is_said(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    blocking = {key.name for key in _keys(definitions) if graph.get_check_spec(key).blocking}
    rows = _rows("check | on | runs | fails as | blocks")
    assert {row[0].strip("`") for row in rows if row[4] == "yes"} == blocking


def test_each_says_what_it_proves_and_what_to_do(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in _keys(definitions):
        description = graph.get_check_spec(key).description or ""
        assert re.search(r"When (it|all|some)", description), key.to_user_string()
        section = PAGE.split(f"\n## `{key.name}`\n")[1].split("\n## ")[0]
        assert "Proves that" in section or "Proves, over" in section
        assert re.search(r"\nWhen ", section), key.name


def test_the_pages_that_findings_point_to_exist() -> None:
    sources = (ROOT / "promtsdb_dagster").rglob("*.py")
    pages = set().union(
        *(re.findall(r"docs/[a-z-]+/[a-z-]+\.md", path.read_text("utf-8")) for path in sources)
    )
    assert pages
    for page in pages:
        if not (ROOT / page).parent.exists():
            pytest.skip(f"{page} is not written yet")
        assert (ROOT / page).exists(), page
