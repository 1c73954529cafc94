"""Migrations, staging and aggregates as assets."""

from __future__ import annotations

from datetime import datetime, timezone

import dagster as dg
import pytest

from promtsdb_dagster.adapters.migrations import load_migrations
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.automation import AUTOMATION_TAG
from promtsdb_dagster.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from promtsdb_dagster.errors import DirtyLedger
from promtsdb_dagster.settings import ROOT
from tests.dagster.fakes import NOW, FakeProject
from tests.dagster.running import run_assets

TOTALS = dg.AssetKey(["cumsum", "all_metrics_minute"])
RANGE = {RANGE_START_TAG: "2026-11-04", RANGE_END_TAG: "2026-11-11"}


def _day(day: int) -> datetime:
    return datetime(2026, 11, day, tzinfo=timezone.utc)


def _metadata(result: dg.ExecuteInProcessResult) -> list[dict[str, object]]:
    return [
        {key: entry.value for key, entry in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
    ]


def _data_versions(result: dg.ExecuteInProcessResult) -> list[str]:
    return [
        event.materialization.tags["dagster/data_version"]
        for event in result.get_asset_materialization_events()
        if isinstance(event.materialization, dg.AssetMaterialization)
    ]


def test_migrate_applies_each_file_once(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    project.schema.migrations = load_migrations(ROOT / "sql")
    job = definitions.resolve_job_def("migrate")
    first = job.execute_in_process(instance=instance)
    assert [m["already_applied"] for m in _metadata(first)] == [False] * project.schema.version
    again = job.execute_in_process(instance=instance)
    assert {m["already_applied"] for m in _metadata(again)} == {True}
    # Else the UI would call everything downstream out of date.
    assert _data_versions(again) == _data_versions(first)
    assert {m["engine"] for m in _metadata(again)} == {"postgresql"}


def test_a_migration_error_is_the_failure(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    project.schema.error = DirtyLedger("version 3 stopped half-way; look at it")
    first = definitions.resolve_asset_graph().toposorted_asset_keys[0]
    keys = [key for key in [first] if key.path[0] == "migrations"] or [
        dg.AssetKey(["migrations", load_migrations(ROOT / "sql")[0].name])
    ]
    result = run_assets(definitions, instance, keys)
    assert not result.success
    event = next(e for e in result.all_events if e.is_step_failure)
    data = event.step_failure_data.user_failure_data
    assert data is not None
    assert data.description == "version 3 stopped half-way; look at it"


def test_draining_tells_what_it_moved(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    result = run_assets(definitions, instance, [dg.AssetKey("staging_internal")])
    (told,) = _metadata(result)
    assert told.pop("seconds") >= 0
    assert told == {"metrics_moved": 3, "tags_moved": 2, "left": 0, "dagster/row_count": 0}
    assert {check.check_name for check in result.get_asset_check_evaluations() if check.passed} == {
        "empty",
        "nothing_refused",
    }


def test_rows_left_in_staging_fail_its_check(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    project.state.waiting = 4
    result = run_assets(definitions, instance, [dg.AssetKey("staging_cumsum")])
    (check,) = (c for c in result.get_asset_check_evaluations() if not c.passed)
    assert check.check_name == "empty"
    assert check.description is not None
    assert "4 rows wait in staging_cumsum" in check.description


def test_what_staging_refused_is_a_warning_that_names_the_reasons(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    project.state.refusals = {"not finite": 2, "incomplete": 1}
    result = run_assets(definitions, instance, [dg.AssetKey("staging_cumsum")])
    (refused,) = (
        each
        for each in result.get_asset_check_evaluations()
        if each.check_name == "nothing_refused"
    )
    assert not refused.passed
    assert refused.severity == dg.AssetCheckSeverity.WARN
    assert "2 not finite, 1 incomplete" in str(refused.description)
    assert refused.metadata["rows"].value == 3


def test_a_persons_refresh_covers_the_whole_range(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    result = run_assets(definitions, instance, [TOTALS], tags=RANGE)
    # The week of today ends in the future: a bucket that is not over is not touched.
    window = Window(_day(4), _day(18))
    assert project.refresher.refreshed == [("cumsum.all_metrics_minute", window, False)]
    assert {m["buckets"] for m in _metadata(result)} == {7}
    assert {m["only_changed"] for m in _metadata(result)} == {False}


def test_the_present_week_is_refreshed_up_to_now(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    tags = {RANGE_START_TAG: "2026-11-18", RANGE_END_TAG: "2026-11-18"}
    assert run_assets(definitions, instance, [TOTALS], tags=tags).success
    assert project.refresher.refreshed[0][1] == Window(_day(18), NOW)


def test_a_refresh_by_automation_takes_only_what_changed(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    run_assets(definitions, instance, [TOTALS], tags={**RANGE, AUTOMATION_TAG: "true"})
    assert project.refresher.refreshed == [
        ("cumsum.all_metrics_minute", Window(_day(4), _day(18)), True)
    ]


def _refresh_with(
    definitions: dg.Definitions, instance: dg.DagsterInstance, **config: object
) -> dg.ExecuteInProcessResult:
    ops = {"ops": {"cumsum__all_metrics_minute": {"config": config}}}
    return run_assets(definitions, instance, [TOTALS], tags=RANGE, config=ops)


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        ("2026-11-05", "2026-11-06", Window(_day(5), _day(6))),
        ("2026-11-05T00:00:00Z", "2026-11-06T01:00:00+01:00", Window(_day(5), _day(6))),
        ("2020-01-01", "2030-01-01", Window(_day(4), _day(18))),
    ],
)
def test_a_window_clips_the_partitions_exactly(
    definitions: dg.Definitions,
    project: FakeProject,
    instance: dg.DagsterInstance,
    start: str,
    end: str,
    wanted: Window,
) -> None:
    assert _refresh_with(definitions, instance, window_from=start, window_to=end).success
    assert [window for _, window, _ in project.refresher.refreshed] == [wanted]


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-11-06", "2026-11-05", "is not before window_to '2026-11-05'"),
        ("yesterday", "2026-11-05", "window_from 'yesterday' is not an instant"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(
    definitions: dg.Definitions,
    project: FakeProject,
    instance: dg.DagsterInstance,
    start: str,
    end: str,
    words: str,
) -> None:
    result = _refresh_with(definitions, instance, window_from=start, window_to=end)
    assert not result.success
    failure = result.failure_data_for_node("cumsum__all_metrics_minute")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert words in (failure.user_failure_data.description or "")
    assert project.refresher.refreshed == []
