"""Housekeeping runs by itself, says why it does not, and leaves TimescaleDB to its policies."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import dagster as dg
import pytest

from promtsdb_dagster.core.policies import REFRESH, Bucket, Job, Upkeep
from promtsdb_dagster.defs.ticks import WHY_TAG
from promtsdb_dagster.errors import StoreUnavailable
from tests.dagster.fakes import NOW, FakeProject
from tests.dagster.running import run_assets

GONE = StoreUnavailable("the database at nowhere cannot be used: gone; check DATABASE_URL")
JOBS = ["housekeeping", "tidy_tags"]
KEYS = ["recent_buckets", "expired_rows", "old_notes", "unused_tags"]


def facts(result: dg.ExecuteInProcessResult, key: str) -> dict[str, object]:
    (event,) = result.asset_materializations_for_node(key)
    return {name: entry.value for name, entry in event.metadata.items()}


def tick_schedule(
    name: str, definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> dg.ScheduleExecutionData:
    with dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=NOW,
        repository_def=definitions.get_repository_def(),
        resources={"project": project},
    ) as context:
        return definitions.resolve_schedule_def(name).evaluate_tick(context)


def tick_sensor(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> str:
    with dg.build_sensor_context(
        instance=instance, definitions=definitions, resources={"project": project}
    ) as context:
        data = definitions.resolve_sensor_def("recent_buckets").evaluate_tick(context)
    assert not data.run_requests
    return data.skip_message or ""


def pend(project: FakeProject) -> None:
    project.schema.migrations = [SimpleNamespace(version=1)]


def test_the_work_is_done_and_told(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    result = run_assets(definitions, instance, [dg.AssetKey(key) for key in KEYS])
    assert result.success
    assert facts(result, "recent_buckets")["buckets"] == 5
    assert facts(result, "expired_rows")["rows"] == 4
    assert facts(result, "expired_rows")["complete"] is False
    assert facts(result, "old_notes") == {"aggregate_change": 2}
    assert facts(result, "unused_tags")["postponed"] == 2


def test_timescaledb_does_it_itself_and_the_assets_say_so(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    project.keeper.engine = "timescaledb"
    result = run_assets(definitions, instance, [dg.AssetKey(key) for key in KEYS])
    assert result.success
    for key in ("recent_buckets", "expired_rows"):
        assert "own policy does this" in str(facts(result, key)["nothing_done"])
    assert facts(result, "recent_buckets")["noted"] == ["geo.latest_coords"]
    assert facts(result, "unused_tags")["unused"] == 3


def test_a_database_that_is_gone_fails_the_run_in_words(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    project.keeper.error = GONE
    result = run_assets(definitions, instance, [dg.AssetKey("expired_rows")])
    (failure,) = result.filter_events(lambda event: event.is_step_failure)
    assert "check DATABASE_URL" in str(failure.step_failure_data.error_display_string)


@pytest.mark.parametrize("job", JOBS)
def test_a_tick_starts_one_run(
    job: str, definitions: dg.Definitions, kept: dg.DagsterInstance, project: FakeProject
) -> None:
    (request,) = tick_schedule(job, definitions, kept, project).run_requests or []
    assert request.tags[WHY_TAG].startswith("by schedule at 2026-11-18 12:00 UTC: the database")
    run = kept.create_run_for_job(
        definitions.resolve_job_def(job), status=dg.DagsterRunStatus.STARTED
    )
    told = tick_schedule(job, definitions, kept, project)
    assert not told.run_requests
    (record,) = kept.get_run_records()
    begun = f"{record.create_timestamp:%Y-%m-%d %H:%M} UTC"
    again = {"housekeeping": "2026-11-18 13:00", "tidy_tags": "2026-11-19 12:00"}[job]
    assert told.skip_message == (
        f"the run {run.run_id} of {job}, begun at {begun}, is not over; "
        f"looked at again at {again} UTC"
    )


@pytest.mark.parametrize("job", JOBS)
def test_a_tick_that_can_do_nothing_says_why(
    job: str, definitions: dg.Definitions, kept: dg.DagsterInstance, project: FakeProject
) -> None:
    pend(project)
    told = tick_schedule(job, definitions, kept, project).skip_message
    assert str(told).startswith(
        "1 migration not applied, wanted all; materialize group migrations; looked at again at"
    )
    project.schema.error = GONE
    assert "check DATABASE_URL" in str(tick_schedule(job, definitions, kept, project).skip_message)


def test_the_sensor_refreshes_within_its_limit(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    told = tick_sensor(definitions, instance, project)
    assert told.startswith("5 buckets changed, all done up to 2026-11-18 12:00 UTC; cumsum.x were")
    assert project.keeper.calls == ["restore within 5.0 s", "refresh within 5.0 s"]


def test_the_sensor_brings_tags_back_on_timescaledb_too(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    project.keeper.engine, project.keeper.to_restore = "timescaledb", 1
    told = tick_sensor(definitions, instance, project)
    assert told.endswith("policies refresh the aggregates; 1 retired tag brought back")
    project.keeper.to_restore = None
    assert tick_sensor(definitions, instance, project).endswith("tags were in use, tried again")


def test_the_sensor_survives_what_is_missing(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    project.keeper.error = GONE
    assert "check DATABASE_URL" in tick_sensor(definitions, instance, project)
    pend(project)
    assert "materialize group migrations" in tick_sensor(definitions, instance, project)
    assert project.keeper.calls == ["restore within 5.0 s"]


def check(definitions: dg.Definitions, instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    result = definitions.resolve_job_def("housekeeping").execute_in_process(instance=instance)
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def test_the_check_says_what_to_do(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    assert check(definitions, instance).passed
    late = Bucket("geo.latest_coords", NOW - timedelta(minutes=10), None)
    project.keeper.upkeep_found = Upkeep("postgresql", [late])
    evaluation = check(definitions, instance)
    assert not evaluation.passed
    assert "switch on the sensor recent_buckets" in (evaluation.description or "")


def test_reports_that_are_known_to_be_wrong_are_no_failure(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    name = "geo.latest_coords"
    job = Job(REFRESH, name, 1004, True, timedelta(minutes=1), NOW, True, "24000",
              'cannot drop portal "" while it is being set up')  # fmt: skip
    project.keeper.upkeep_found = Upkeep("timescaledb", jobs=[job])
    told = check(definitions, instance).metadata["false_alarms"].value
    assert str(told).startswith("1 job reported as failed by an error of this pair")
    assert not replace(job, error_code="53100").is_false_alarm
