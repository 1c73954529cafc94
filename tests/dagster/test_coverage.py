"""The asset that draws what is stored: picture, table, numbers, and a schedule."""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.coverage import HOUR, Coverage, Row, State
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import StoreUnavailable
from tests.dagster.fakes import NOW, FakeProject
from tests.dagster.running import run_assets

KEY = dg.AssetKey("coverage")
SPAN = Window(NOW - 4 * HOUR, NOW)


class FakeSurvey:
    """Tell of two metrics: one whole, one that lacks an hour of two."""

    def __init__(self) -> None:
        self.asked: list[tuple[Window, bool]] = []
        self.error: Exception | None = None

    def run(self, wanted: Window, now: datetime, *, most_columns: int, trim: bool) -> Coverage:
        self.asked.append((wanted, trim))
        if self.error:
            raise self.error
        stored, missing = ((state, None) for state in (State.STORED, State.MISSING))
        rows = (
            Row("common", "node_count", (Counter({stored: 2}), Counter({stored: 2}))),
            Row("cumsum", "web_requests", (Counter({stored: 2}), Counter({missing: 2})), 30),
        )
        return Coverage(SPAN, tuple(w.split(SPAN, 2 * HOUR)), rows, ("the source is away",))


@pytest.fixture
def survey(project: FakeProject, tmp_path: Path) -> FakeSurvey:
    """What the project surveys with; its picture goes into the test's folder."""
    fake = FakeSurvey()
    project.coverage = lambda: fake  # type: ignore[attr-defined]
    project.coverage_file = lambda: tmp_path / "state" / "coverage.png"  # type: ignore[attr-defined]
    return fake


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    assert result.success
    (event,) = result.asset_materializations_for_node("coverage")
    return dict(event.metadata)


def test_the_asset_has_the_picture_a_table_and_numbers(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    project: FakeProject,
    survey: FakeSurvey,
    tmp_path: Path,
) -> None:
    metadata = metadata_of(run_assets(definitions, instance, [KEY]))
    assert survey.asked == [(Window(project.policy().history_start, NOW), True)]
    picture = (tmp_path / "state" / "coverage.png").read_bytes()
    text = metadata["picture"].value
    assert text.startswith("![what is stored](data:image/png;base64,")
    assert b64decode(text.split(",")[1].rstrip(")")) == picture
    numbers = {name: metadata[name].value for name in ("metrics", "hours_stored", "hours_missing")}
    assert numbers == {"metrics": 2, "hours_stored": 6, "hours_missing": 2}
    assert metadata["percent_stored"].value == 75.0
    assert metadata["minutes_missing"].value == 30
    records = [record.data for record in metadata["metrics_table"].records]
    assert [(r["metric"], r["percent_stored"], r["missing"]) for r in records] == [
        ("node_count", 100.0, 0),
        ("web_requests", 50.0, 2),
    ]
    assert metadata["remarks"].value == ["the source is away"]


def test_a_first_day_may_be_chosen(
    definitions: dg.Definitions, instance: dg.DagsterInstance, survey: FakeSurvey
) -> None:
    config = {"ops": {"coverage": {"config": {"first_day": "2026-11-10"}}}}
    metadata_of(run_assets(definitions, instance, [KEY], config=config))
    assert [(f"{wanted.start:%F}", trim) for wanted, trim in survey.asked] == [
        ("2026-11-10", False)
    ]


@pytest.mark.parametrize("day", ["yesterday", "2999-01-01"])
def test_a_first_day_that_is_none_is_refused(
    definitions: dg.Definitions, instance: dg.DagsterInstance, survey: FakeSurvey, day: str
) -> None:
    config = {"ops": {"coverage": {"config": {"first_day": day}}}}
    assert not run_assets(definitions, instance, [KEY], config=config).success
    assert survey.asked == []


def test_a_folder_that_cannot_be_written_is_a_remark(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    survey: FakeSurvey,
    tmp_path: Path,
) -> None:
    (tmp_path / "state").write_text("")
    metadata = metadata_of(run_assets(definitions, instance, [KEY]))
    assert "could not be written" in metadata["remarks"].value[1]
    assert metadata["picture"].value


def test_a_database_that_is_away_fails_the_run(
    definitions: dg.Definitions, instance: dg.DagsterInstance, survey: FakeSurvey
) -> None:
    survey.error = StoreUnavailable("the database cannot be used")
    assert not run_assets(definitions, instance, [KEY]).success


def test_it_is_drawn_every_day(definitions: dg.Definitions) -> None:
    schedules = definitions.get_repository_def().schedule_defs
    (schedule,) = (each for each in schedules if each.job_name == "draw_coverage")
    assert schedule.cron_schedule == "23 5 * * *"
