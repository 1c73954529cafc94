"""History starts once on an empty database, and once for each press of the button."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest

from promtsdb_dagster.adapters.migrations import load_migrations
from promtsdb_dagster.defs.history import TAG
from promtsdb_dagster.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from promtsdb_dagster.defs.ticks import WHY_TAG
from promtsdb_dagster.errors import ConfigurationError, StoreUnavailable
from promtsdb_dagster.settings import ROOT
from tests.dagster.fakes import FakeProject

RANGES = {
    "backfill_forever": ("2023-05-10", "2026-11-18"),
    "backfill_1y": ("2025-11-12", "2026-11-04"),
    "backfill_1w": ("2026-11-11", "2026-11-17"),
    "backfill_live": ("2026-11-18", "2026-11-18"),
}


class Sensor:
    """Tick the sensor and keep its cursor, as the daemon does."""

    def __init__(
        self, definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
    ) -> None:
        self._sensor = definitions.resolve_sensor_def("history")
        self._definitions, self._instance, self._project = definitions, instance, project
        self.cursor: str | None = None

    def tick(self) -> list[dg.RunRequest]:
        with dg.build_sensor_context(
            instance=self._instance,
            cursor=self.cursor,
            definitions=self._definitions,
            resources={"project": self._project},
        ) as context:
            data = self._sensor.evaluate_tick(context)
        self.skipped = data.skip_message or ""
        self.cursor = data.cursor
        return list(data.run_requests or [])


@pytest.fixture
def sensor(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> Sensor:
    """The sensor of a code location that has just started."""
    return Sensor(definitions, instance, project)


def _press(definitions: dg.Definitions, instance: dg.DagsterInstance, **config: object) -> str:
    job = definitions.resolve_job_def("history")
    result = job.execute_in_process(
        instance=instance, run_config={"ops": {"request_history": {"config": config}}}
    )
    return result.run_id


def test_an_empty_database_gets_one_run_for_each_group(sensor: Sensor) -> None:
    requests = sensor.tick()
    asked = {
        request.asset_selection[0].to_user_string(): (
            request.tags[RANGE_START_TAG],
            request.tags[RANGE_END_TAG],
        )
        for request in requests
        if request.asset_selection
    }
    assert asked == RANGES
    assert len({request.tags[TAG] for request in requests}) == 1
    assert {request.tags[WHY_TAG] for request in requests} == {"the database had no history yet"}
    assert len({request.run_key for request in requests}) == 4


def test_it_starts_once_even_while_nothing_is_stored_yet(sensor: Sensor) -> None:
    assert len(sensor.tick()) == 4
    assert sensor.tick() == []
    assert "was started already and nothing of it is stored yet: 0 runs of" in sensor.skipped
    assert sensor.tick() == []


def test_a_database_made_anew_gets_its_history_too(sensor: Sensor, project: FakeProject) -> None:
    first = sensor.tick()
    project.state.database = "two"
    second = sensor.tick()
    assert len(second) == 4
    assert {r.run_key for r in first}.isdisjoint({r.run_key for r in second})


def test_a_database_with_history_is_left_alone(sensor: Sensor, project: FakeProject) -> None:
    project.state.empty = False
    assert sensor.tick() == []
    assert sensor.skipped.startswith("the database has its history, and no live row yet; with the")


def test_once_live_rows_have_begun_what_is_open_before_them_is_closed(
    sensor: Sensor, project: FakeProject
) -> None:
    """The first backfill ended minutes before the first live row came."""
    assert len(sensor.tick()) == 4
    project.state.empty = False
    project.state.live_since = project.clock
    assert sensor.tick() == [], "the rows of other metrics are about to come"
    assert sensor.skipped.startswith("live rows began at 2026-11-18 12:00 UTC, and those of other")
    assert "at 2026-11-18 12:03 UTC the backfill of all groups starts once more" in sensor.skipped
    project.clock += timedelta(minutes=3)
    requests = sensor.tick()
    assert [r.asset_selection[0].to_user_string() for r in requests if r.asset_selection] == list(
        RANGES
    )
    assert sensor.tick() == []
    assert "was asked for at 2026-11-18 12:03 UTC, try 1 of 8; if a run of it fails, it" in (
        sensor.skipped
    )
    assert "asked for again after 2026-11-18 12:09 UTC" in sensor.skipped
    project.state.live_since -= timedelta(minutes=1)
    later = sensor.tick()
    assert {r.run_key for r in later}.isdisjoint({r.run_key for r in requests})


def test_a_clock_that_was_put_back_keeps_no_try(
    sensor: Sensor, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    project.state.empty = False
    project.state.live_since = project.clock - timedelta(days=500)
    first = sensor.tick()
    instance.add_run(
        dg.DagsterRun(
            "__ASSET_JOB", status=dg.DagsterRunStatus.FAILURE, tags={TAG: first[0].tags[TAG]}
        )
    )
    assert sensor.tick() == [], "too early"
    project.clock -= timedelta(days=400)
    assert len(sensor.tick()) == 4


def test_what_failed_to_be_closed_is_tried_again(
    sensor: Sensor, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    project.state.empty = False
    project.state.live_since = project.clock - timedelta(hours=1)
    first = sensor.tick()
    project.clock += timedelta(hours=1)
    for status in (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE):
        assert sensor.tick() == [], "nothing has failed yet"
        assert "try 1, and none of its runs has failed" in sensor.skipped
        instance.add_run(
            dg.DagsterRun("__ASSET_JOB", status=status, tags={TAG: first[0].tags[TAG]})
        )
    assert sensor.tick() == [], "a run goes on"
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        instance.delete_run(run.run_id)
    again = sensor.tick()
    assert len(again) == 4
    assert {r.run_key for r in again}.isdisjoint({r.run_key for r in first})
    assert sensor.tick() == []


def test_the_button_starts_all_groups_once(
    sensor: Sensor,
    project: FakeProject,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
) -> None:
    project.state.empty = False
    assert sensor.tick() == []
    request = _press(definitions, instance)
    requests = sensor.tick()
    assert {r.tags[TAG] for r in requests} == {request}
    assert len(requests) == 4
    assert sensor.tick() == []
    _press(definitions, instance)
    assert len(sensor.tick()) == 4


def test_the_button_works_after_its_last_run_was_deleted(
    project: FakeProject, definitions: dg.Definitions, kept: dg.DagsterInstance
) -> None:
    """SQLite gives the number of a deleted run again."""
    sensor = Sensor(definitions, kept, project)
    project.state.empty = False
    _press(definitions, kept)
    last = _press(definitions, kept)
    assert len(sensor.tick()) == 4
    kept.delete_run(last)
    assert sensor.tick() == [], "the one before it is not asked for again"
    again = _press(definitions, kept)
    assert [r.tags[TAG] for r in sensor.tick()] == [again] * 4
    assert sensor.tick() == []


def test_the_button_on_an_empty_database_does_not_start_twice(
    sensor: Sensor, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    request = _press(definitions, instance)
    requests = sensor.tick()
    assert [r.tags[TAG] for r in requests] == [request] * 4
    assert sensor.tick() == []


def test_recheck_goes_from_the_button_to_the_runs(
    sensor: Sensor, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    _press(definitions, instance, recheck=True)
    for request in sensor.tick():
        assert request.asset_selection
        asset = request.asset_selection[0].to_user_string()
        assert request.run_config == {"ops": {asset: {"config": {"recheck": True}}}}


def test_pending_migrations_are_named(sensor: Sensor, project: FakeProject) -> None:
    project.schema.migrations = load_migrations(ROOT / "sql")
    assert sensor.tick() == []
    assert f"{len(project.schema.migrations)} migrations are not applied" in sensor.skipped
    project.schema.version = len(project.schema.migrations)
    assert len(sensor.tick()) == 4


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("DATABASE_URL is not set; export it"),
        StoreUnavailable("the database at localhost:5432/metrics cannot be used; check it"),
    ],
    ids=["not configured", "unreachable"],
)
def test_what_is_missing_is_said_and_tried_again(
    sensor: Sensor, project: FakeProject, error: Exception
) -> None:
    project.schema.error = error
    assert sensor.tick() == []
    assert sensor.skipped == f"{error}; looked at again in 10 s"
    project.schema.error = None
    assert len(sensor.tick()) == 4


def test_the_button_refuses_when_nothing_could_start(
    project: FakeProject, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    project.schema.error = ConfigurationError("DATABASE_URL is not set; export it")
    job = definitions.resolve_job_def("history")
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    failure = result.failure_data_for_node("request_history")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == "DATABASE_URL is not set; export it"
