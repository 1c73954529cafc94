"""Late changes are refreshed once for a burst; the tables are looked at, not touched."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest

from promtsdb_dagster.adapters.inventory import Stored
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from promtsdb_dagster.defs.ticks import WHY_TAG
from tests.dagster.fakes import NOW, FakeProject

TOTALS = "cumsum.all_metrics_minute"
MINUTE = timedelta(minutes=1)


class Sensor:
    """Tick one sensor and keep its cursor, as the daemon does."""

    def __init__(
        self,
        name: str,
        definitions: dg.Definitions,
        instance: dg.DagsterInstance,
        project: FakeProject,
    ) -> None:
        self._sensor = definitions.resolve_sensor_def(name)
        self._definitions, self._instance, self._project = definitions, instance, project
        self.cursor: str | None = None

    def tick(self) -> dg.SensorExecutionData:
        with dg.build_sensor_context(
            instance=self._instance,
            cursor=self.cursor,
            definitions=self._definitions,
            resources={"project": self._project},
        ) as context:
            data = self._sensor.evaluate_tick(context)
        self.cursor = data.cursor
        return data


@pytest.fixture
def late(definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject) -> Sensor:
    """The sensor for late changes."""
    return Sensor("late_changes", definitions, instance, project)


def _change(
    start: datetime, reason: str = "late row", noted: datetime = NOW - 5 * MINUTE
) -> tuple[str, Window, str, datetime]:
    return (TOTALS, Window(start, start + MINUTE), reason, noted)


def _day(day: int) -> datetime:
    return datetime(2026, 10, day, 8, 30, tzinfo=timezone.utc)


def test_late_rows_ask_for_the_weeks_that_hold_them(late: Sensor, project: FakeProject) -> None:
    project.refresher.changes = [_change(_day(1)), _change(_day(14), "late tag")]
    (request,) = late.tick().run_requests or []
    assert request.asset_selection == [dg.AssetKey(["cumsum", "all_metrics_minute"])]
    assert request.tags[RANGE_START_TAG] == "2026-09-30"
    assert request.tags[RANGE_END_TAG] == "2026-10-14"
    assert request.run_config == {
        "ops": {"cumsum__all_metrics_minute": {"config": {"only_changed": True}}}
    }


def test_the_same_changes_ask_once_and_again_when_nothing_came_of_it(
    late: Sensor, project: FakeProject
) -> None:
    project.refresher.changes = [_change(_day(1))]
    (first,) = late.tick().run_requests or []
    assert first.tags[WHY_TAG] == "1 change by late row, noted up to 2026-11-18 11:55 UTC"
    assert late.tick().skip_message == (
        f"{TOTALS}: the refresh of 1 change was asked for at 2026-11-18 12:00 UTC; it is asked for "
        "again at 2026-11-18 12:10 UTC if they are noted still"
    )
    project.clock += timedelta(minutes=11)
    (second,) = late.tick().run_requests or []
    assert first.run_key != second.run_key


def test_new_changes_ask_at_once(late: Sensor, project: FakeProject) -> None:
    project.refresher.changes = [_change(_day(1))]
    assert late.tick().run_requests
    project.refresher.changes = [_change(_day(1)), _change(_day(2), noted=NOW - 2 * MINUTE)]
    assert late.tick().run_requests


@pytest.mark.parametrize(
    ("change", "until"),
    [
        (_change(_day(1), "backfill"), "12:10"),
        (_change(_day(1), noted=NOW - timedelta(seconds=30)), "12:00"),
    ],
    ids=["automation does these", "the burst may go on"],
)
def test_what_is_left_to_others_or_to_later(
    late: Sensor, project: FakeProject, change: tuple[str, Window, str, datetime], until: str
) -> None:
    project.refresher.changes = [change]
    data = late.tick()
    assert not data.run_requests
    assert data.skip_message == (
        f"{TOTALS}: 1 change by {change[2]} noted up to {change[3]:%Y-%m-%d %H:%M} UTC; the "
        f"refresh of week 2026-09-30 starts at 2026-11-18 {until} UTC, so that a burst is one "
        "refresh and automation comes first"
    )


def test_a_tick_that_finds_no_change_says_where_it_looked(late: Sensor) -> None:
    said = str(late.tick().skip_message)
    assert said.startswith("no change waits for a refresh in any of 6 aggregates")


def test_changes_before_every_partition_are_named(late: Sensor, project: FakeProject) -> None:
    project.refresher.changes = [_change(datetime(2020, 1, 1, tzinfo=timezone.utc))]
    assert "1 change before BACKFILL_START" in str(late.tick().skip_message)


def test_a_refresh_that_runs_already_is_waited_for(
    late: Sensor,
    project: FakeProject,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
) -> None:
    run = instance.create_run_for_job(
        definitions.resolve_implicit_global_asset_job_def(),
        asset_selection=frozenset({dg.AssetKey(["cumsum", "all_metrics_minute"])}),
        tags={RANGE_START_TAG: "2026-10-07", RANGE_END_TAG: "2026-10-07"},
        status=dg.DagsterRunStatus.STARTED,
    )
    project.refresher.changes = [_change(_day(1))]
    assert late.tick().skip_message == (
        f"{TOTALS}: 1 change noted up to 2026-11-18 11:55 UTC; the refresh of week 2026-09-30 "
        "starts when no run works on it or on what feeds it: "
        f"run {run.run_id[:8]} of cumsum/all_metrics_minute, started"
    )
    instance.report_run_failed(run)
    assert late.tick().run_requests


def test_what_automation_did_not_refresh_is_healed_when_nothing_fills_the_table(
    late: Sensor,
    project: FakeProject,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
) -> None:
    project.refresher.changes = [_change(_day(1), "backfill", noted=NOW - 16 * MINUTE)]
    run = instance.create_run_for_job(
        definitions.resolve_implicit_global_asset_job_def(),
        asset_selection=frozenset({dg.AssetKey("backfill_forever")}),
        tags={RANGE_START_TAG: "2026-10-07", RANGE_END_TAG: "2026-10-07"},
        status=dg.DagsterRunStatus.STARTED,
    )
    assert not late.tick().run_requests
    instance.report_run_failed(run)
    assert late.tick().run_requests


def test_tables_are_observed_when_something_newer_is_stored(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    sensor = Sensor("storage", definitions, instance, project)
    key = ("internal", "prometheus_remote_write")
    project.state.tables = [Stored(key, 5, _day(1), _day(2), 2_000_000)]
    project.state.aggregates = [Stored(("geo", "latest_coords"), 0, None, None, 8192)]
    event, empty = sensor.tick().asset_events
    told = {name: entry.value for name, entry in event.metadata.items()}
    assert told["dagster/row_count"] == 5
    assert told["megabytes"] == 2.0
    assert told["newest"] == _day(2).timestamp()
    assert told["lag_seconds"] == (NOW - _day(2)).total_seconds()
    assert empty.asset_key == dg.AssetKey(["geo", "latest_coords"])
    assert set(empty.metadata) == {"dagster/row_count", "megabytes"}
    assert sensor.tick().asset_events == []
    project.state.tables = [Stored(key, 6, _day(1), _day(3), 2_000_000)]
    assert len(sensor.tick().asset_events) == 2
    # A backfill brings old rows, so the newest stays.
    project.state.tables = [Stored(key, 7, _day(1), _day(3), 2_000_000)]
    assert len(sensor.tick().asset_events) == 2


def test_tables_that_do_not_exist_are_no_error(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    project.state.migrated = False
    for name in ("storage", "late_changes"):
        data = Sensor(name, definitions, instance, project).tick()
        assert data.skip_message
        assert "materialize group migrations" in data.skip_message
