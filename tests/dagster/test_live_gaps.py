"""What the comparison found is said, repaired for exactly those minutes, and not tried for ever."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest

from promtsdb_dagster.core.gaps import Gap, LiveState
from promtsdb_dagster.core.live_check import LiveReport
from promtsdb_dagster.core.planner import Only
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.ticks import WHY_TAG
from promtsdb_dagster.errors import SourceUnavailable
from tests.dagster.fakes import NOW, FakeProject
from tests.dagster.running import run_assets
from tests.dagster.test_housekeeping import tick_schedule
from tests.dagster.test_other_sensors import Sensor

LIVE = dg.AssetKey("backfill_live")
HOUR = timedelta(hours=1)
SINCE = NOW - 30 * HOUR


def _minutes(hour: datetime, first: int, last: int) -> Window:
    return Window(hour + timedelta(minutes=first), hour + timedelta(minutes=last))


def _gap(hour: datetime, *windows: Window, record: str = "up", attempts: int = 1) -> Gap:
    return Gap(record, hour, windows, (), attempts)


@pytest.fixture
def sensor(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> Sensor:
    return Sensor("live_gaps", definitions, instance, project)


def _remember(project: FakeProject, *gaps: Gap) -> None:
    project.live.state = LiveState({"up": SINCE}, {}, {}, list(gaps))


def test_exactly_the_missing_minutes_are_asked_for(sensor: Sensor, project: FakeProject) -> None:
    morning = datetime(2026, 11, 18, 8, tzinfo=timezone.utc)
    _remember(
        project,
        _gap(morning, _minutes(morning, 3, 7), _minutes(morning, 20, 21)),
        _gap(morning, _minutes(morning, 5, 9), record="height"),
        _gap(morning - 24 * HOUR, _minutes(morning - 24 * HOUR, 0, 60)),
    )

    today, yesterday = sensor.tick().run_requests or []

    assert today.partition_key == "2026-11-18"
    assert yesterday.partition_key == "2026-11-17"
    assert today.asset_selection == [LIVE]
    assert today.run_config["ops"]["backfill_live"]["config"] == {
        "only": [
            "2026-11-18T08:03:00+00:00/2026-11-18T08:09:00+00:00",
            "2026-11-18T08:20:00+00:00/2026-11-18T08:21:00+00:00",
        ],
        "records": ["height", "up"],
        "recheck": True,
    }


def test_such_a_run_keeps_to_its_windows(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    only = ["2026-11-18T08:03Z/2026-11-18T08:09Z"]
    keep = {"only": only, "records": ["up"], "recheck": True}
    config = {"ops": {"backfill_live": {"config": keep}}}
    run = run_assets(definitions, instance, [LIVE], partition_key="2026-11-18", config=config)
    assert run.success
    eight = datetime(2026, 11, 18, 8, tzinfo=timezone.utc)
    assert project.engine.kept_to == Only((_minutes(eight, 3, 9),), frozenset({"up"}))


@pytest.mark.parametrize("text", ["2026-11-18", "a/b", "2026-11-18T09Z/2026-11-18T08Z", ""])
def test_what_is_no_window_is_refused(
    definitions: dg.Definitions, instance: dg.DagsterInstance, text: str
) -> None:
    config = {"ops": {"backfill_live": {"config": {"only": [text]}}}}
    run = run_assets(definitions, instance, [LIVE], partition_key="2026-11-18", config=config)
    assert not run.success
    (event,) = run.get_step_failure_events()
    assert "wanted START/END" in str(event.step_failure_data.error)


def test_one_finding_is_asked_for_once(sensor: Sensor, project: FakeProject) -> None:
    hour = NOW - 4 * HOUR
    _remember(project, _gap(hour, _minutes(hour, 3, 7)))
    (first,) = sensor.tick().run_requests or []
    assert first.tags[WHY_TAG] == "4 minutes of 1 rule miss rows that the source has: up"
    second = sensor.tick()
    assert not second.run_requests
    assert second.skip_message == (
        "4 minutes of 1 rule from 2026-11-18 08:00 UTC on are missing; backfill_live was asked for "
        "2026-11-18 at 2026-11-18 12:00 UTC; the next comparison, within ten minutes, says what "
        "came of it"
    )
    _remember(project, _gap(hour, _minutes(hour, 3, 7), attempts=2))
    (third,) = sensor.tick().run_requests or []
    assert third.run_key != first.run_key


def test_a_gap_that_comes_back_is_asked_for_again(sensor: Sensor, project: FakeProject) -> None:
    hour = NOW - 4 * HOUR
    keys = set()
    for noted_at in (NOW, NOW + HOUR):
        gap = replace(_gap(hour, _minutes(hour, 3, 7)), noted_at=noted_at)
        _remember(project, gap)
        keys |= {request.run_key for request in sensor.tick().run_requests or []}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("attempts", "turns"), [(1, 0), (6, 0), (7, 29), (35, 1), (36, 0), (41, 0), (42, 30)]
)
def test_what_stays_missing_is_tried_less_often(
    sensor: Sensor, project: FakeProject, attempts: int, turns: int
) -> None:
    _remember(project, _gap(NOW - HOUR, _minutes(NOW - HOUR, 3, 7), attempts=attempts))
    tick = sensor.tick()
    assert bool(tick.run_requests) is (turns == 0)
    until = f"{NOW + turns * timedelta(minutes=10):%Y-%m-%d %H:%M} UTC"
    assert turns == 0 or f"{turns} comparisons later, about {until}" in str(tick.skip_message)


def test_where_nothing_is_missing_the_tick_says_how_far_it_was_looked(
    sensor: Sensor, project: FakeProject
) -> None:
    assert "have not been compared with the source yet" in str(sensor.tick().skip_message)
    project.live.state = LiveState({"up": SINCE}, {"up": SINCE}, {"up": NOW, "down": SINCE}, [])
    assert str(sensor.tick().skip_message).startswith(
        "live rows are compared up to 2026-11-17 06:00 UTC, and none is missing"
    )


def test_a_repair_at_work_is_waited_for(
    sensor: Sensor, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    _remember(project, _gap(NOW - HOUR, _minutes(NOW - HOUR, 3, 7)))
    instance.add_run(
        dg.DagsterRun(
            "__ASSET_JOB", status=dg.DagsterRunStatus.STARTED, asset_selection=frozenset({LIVE})
        )
    )
    said = str(sensor.tick().skip_message)
    assert "backfill_live is at work, and its outcome comes first: run " in said
    assert "of backfill_live, started; then it is asked for 2026-11-18" in said


def test_without_a_schema_or_a_database_the_tick_says_so(
    sensor: Sensor, project: FakeProject
) -> None:
    project.state.migrated = False
    assert "materialize group migrations" in str(sensor.tick().skip_message)
    project.state.migrated = True
    project.live.error = SourceUnavailable("nobody answers")
    assert "nobody answers" in str(sensor.tick().skip_message)


def _check(definitions: dg.Definitions, instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    job = definitions.resolve_job_def("check_live_rows")
    evaluations = job.execute_in_process(instance=instance).get_asset_check_evaluations()
    (evaluation,) = (each for each in evaluations if each.check_name == "no_gaps")
    return evaluation


def test_where_nothing_is_live_the_check_passes(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    evaluation = _check(definitions, instance)
    assert evaluation.passed
    assert "no live row has arrived yet" in str(evaluation.description)


def test_missing_rows_are_a_warning_that_says_what_comes_next(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    hour = NOW - 2 * HOUR
    project.live.report = LiveReport(
        SINCE,
        hours=2,
        rows=1000,
        rows_missing=Counter({"up": 6}),
        gaps=[_gap(hour, _minutes(hour, 3, 6)), Gap("up", hour, (), (_minutes(hour, 9, 11),))],
    )
    evaluation = _check(definitions, instance)
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.WARN
    assert "6 rows of 1 metrics are missing (up: 6)" in str(evaluation.description)
    assert evaluation.metadata["minutes_missing"].value == 3
    assert evaluation.metadata["minutes_absent_in_the_source"].value == 2


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (LiveReport(SINCE, rows_taken=Counter({"total": 5})), "count twice, or would"),
        (LiveReport(SINCE, never_live=("total",)), "no live row of total ever arrived"),
        (
            LiveReport(
                SINCE,
                rows_missing=Counter({"up": 1}),
                gaps=[_gap(NOW, _minutes(NOW, 0, 1), attempts=7)],
            ),
            "1 rows of 1 metrics are missing",
        ),
    ],
)
def test_what_repairs_itself_not_is_an_error(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    project: FakeProject,
    report: LiveReport,
    text: str,
) -> None:
    project.live.report = report
    evaluation = _check(definitions, instance)
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    assert text in str(evaluation.description)


def test_the_comparison_starts_once_there_are_live_rows(
    definitions: dg.Definitions, kept: dg.DagsterInstance, project: FakeProject
) -> None:
    def tick() -> dg.ScheduleExecutionData:
        return tick_schedule("check_live_rows", definitions, kept, project)

    assert "no live row" in str(tick().skip_message)
    _remember(project)
    assert tick().run_requests
    job = definitions.resolve_job_def("check_live_rows")
    kept.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert "is not over; looked at again at 2026-11-18 12:10 UTC" in str(tick().skip_message)


def test_gaps_that_had_no_turn_are_told(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    gaps = [_gap(NOW - HOUR, _minutes(NOW - HOUR, 3, 7))]
    project.live.report = LiveReport(SINCE, hours_left=3, gaps=gaps)
    evaluation = _check(definitions, instance)
    assert not evaluation.passed
    assert "3 hours that lacked rows before had no turn" in str(evaluation.description)
    assert "none is missing" not in str(evaluation.description)
