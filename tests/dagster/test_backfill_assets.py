"""A range is one run; what it did is told partition by partition, also when it fails."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest

from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from promtsdb_dagster.errors import ClockSkew, StoreUnavailable
from tests.dagster.fakes import FakeProject
from tests.dagster.running import run_assets

WEEK = dg.AssetKey("backfill_1w")
_NUMBERS = (dg.IntMetadataValue, dg.FloatMetadataValue)
RANGE = {RANGE_START_TAG: "2026-11-11", RANGE_END_TAG: "2026-11-14"}


def _day(day: int) -> datetime:
    return datetime(2026, 11, day, tzinfo=timezone.utc)


def _materialized(instance: dg.DagsterInstance) -> set[str]:
    return instance.get_materialized_partitions(WEEK)


def test_a_range_is_given_to_the_engine_as_its_partitions(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    result = run_assets(definitions, instance, [WEEK], tags=RANGE)
    assert result.success
    days = [Window(_day(d), _day(d + 1)) for d in (11, 12, 13, 14)]
    assert project.engine.runs == [("backfill_1w", days, False)]
    assert _materialized(instance) == {"2026-11-11", "2026-11-12", "2026-11-13", "2026-11-14"}


def test_the_group_live_is_filled_by_backfill_live(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    tags = {RANGE_START_TAG: "2026-11-18", RANGE_END_TAG: "2026-11-18"}
    assert run_assets(definitions, instance, [dg.AssetKey("backfill_live")], tags=tags).success
    assert project.engine.runs[0][0] == "live"


def test_every_partition_tells_what_was_done_for_it(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    result = run_assets(definitions, instance, [WEEK], tags=RANGE)
    events = result.get_asset_materialization_events()
    assert len(events) == 4
    for event in events:
        metadata = {key: entry.value for key, entry in event.materialization.metadata.items()}
        assert set(metadata) >= {
            "window",
            "rows_written",
            "rows_already_there",
            "series",
            "samples_dropped",
            "samples_dropped_why",
            "seconds",
            "rows_per_second",
            "skipped",
        }
        assert metadata["rows_written"] == 10
        assert metadata["window"].startswith(str(event.partition))
        assert metadata["skipped"] == ["older than the retention of 365 days: all of it"]


def test_a_partition_that_was_done_has_no_rate_to_plot(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    project.engine.writes = 0
    result = run_assets(definitions, instance, [WEEK], tags=RANGE)
    for event in result.get_asset_materialization_events():
        assert event.materialization.metadata["rows_written"].value == 0
        assert "rows_per_second" not in event.materialization.metadata


def test_recheck_reaches_the_engine(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    config = {"ops": {"backfill_1w": {"config": {"recheck": True}}}}
    assert run_assets(definitions, instance, [WEEK], tags=RANGE, config=config).success
    assert project.engine.runs[0][2] is True


def test_a_failure_keeps_what_was_committed_before_it(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    project.engine.fails_at = _day(13)
    project.engine.error = StoreUnavailable("the database went away; run it again")
    result = run_assets(definitions, instance, [WEEK], tags=RANGE)
    assert not result.success
    assert _materialized(instance) == {"2026-11-11", "2026-11-12"}
    failure = result.failure_data_for_node("backfill_1w")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == "the database went away; run it again"
    told = {key: entry.value for key, entry in failure.user_failure_data.metadata.items()}
    assert told == {"partitions_complete": 2, "partitions_failed": 2, "rows_written": 20}


def test_a_wrong_clock_stops_the_run_before_anything_is_asked(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    project.engine.skew = ClockSkew("the source's clock is an hour off; set both by NTP")
    result = run_assets(definitions, instance, [WEEK], tags=RANGE)
    assert not result.success
    assert project.engine.runs == []
    assert _materialized(instance) == set()


@pytest.mark.parametrize("asset", ["backfill_forever", "backfill_1y", "backfill_1w"])
def test_one_partition_alone_works_too(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance, asset: str
) -> None:
    key = dg.AssetKey(asset)
    assert run_assets(definitions, instance, [key], partition_key="2023-05-10").success
    (_, windows, _), *_ = project.engine.runs
    length = timedelta(days=1 if asset == "backfill_1w" else 7)
    start = datetime(2023, 5, 10, tzinfo=timezone.utc)
    assert windows == [Window(start, start + length)]


def test_a_number_is_of_one_type_in_every_partition(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    """Dagster plots a value only while it stays an integer, or a float."""
    run_assets(definitions, instance, [WEEK], tags=RANGE)
    project.engine.remarks = ["all is well"]
    run_assets(definitions, instance, [WEEK], tags=RANGE)
    project.engine.fails_at = _day(13)
    project.engine.error = StoreUnavailable("the database went away")
    run_assets(definitions, instance, [WEEK], tags=RANGE)
    records = instance.fetch_materializations(WEEK, limit=100).records
    assert len(records) == 10
    types = {
        (name, type(value))
        for record in records
        for name, value in (
            record.asset_materialization or pytest.fail("no event")
        ).metadata.items()
    }
    assert len(types) == len(dict(types))
    numbers = {name: kind for name, kind in types if kind in _NUMBERS}
    assert {n for n, kind in numbers.items() if kind is dg.FloatMetadataValue} == {
        "seconds",
        "rows_per_second",
    }
    assert {
        "rows_written",
        "rows_already_there",
        "rows_differing",
        "rows_deleted",
        "series",
        "windows",
        "samples_dropped",
    } <= numbers.keys()
