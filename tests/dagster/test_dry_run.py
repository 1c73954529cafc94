"""A dry run tells what would be done; Dagster takes no partition for done, failed or changed."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import dagster as dg
import dagster._core.execution.backfill
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.storage.partition_status_cache import (
    AssetPartitionStatus,
    get_and_update_asset_status_cache_value,
)

from promtsdb_dagster.commands.runs import materialize
from promtsdb_dagster.core.dry_run import Estimate, Measured, PartitionEstimate, duration
from promtsdb_dagster.core.report import PartitionReport
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.dry_running import COUNTS, WOULD_FAIL, until
from promtsdb_dagster.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from promtsdb_dagster.errors import StoreUnavailable
from tests.dagster.fakes import NOW, START, FakeProject
from tests.dagster.running import run_assets

DAYS = dg.AssetKey("backfill_1w")
RANGE = {RANGE_START_TAG: "2026-11-11", RANGE_END_TAG: "2026-11-14"}
PART = {RANGE_START_TAG: "2026-11-11", RANGE_END_TAG: "2026-11-12"}


def _config(**values: Any) -> dict[str, Any]:
    return {"ops": {"backfill_1w": {"config": {"dry_run": True, **values}}}}


def _statuses(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> dict[AssetPartitionStatus, set[str]]:
    """Return the partitions by what the page of the asset says of them."""
    partitions = definitions.resolve_asset_graph().get(DAYS).partitions_def
    value = get_and_update_asset_status_cache_value(
        instance, DAYS, partitions_def=partitions, dynamic_partitions_loader=instance
    )
    assert value
    assert partitions
    return {
        AssetPartitionStatus.MATERIALIZED: set(
            value.deserialize_materialized_partition_subsets(partitions).get_partition_keys()
        ),
        AssetPartitionStatus.FAILED: set(
            value.deserialize_failed_partition_subsets(partitions).get_partition_keys()
        ),
        AssetPartitionStatus.IN_PROGRESS: set(
            value.deserialize_in_progress_partition_subsets(partitions).get_partition_keys()
        ),
    }


def _observed(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.get_asset_observation_events()
    observation = event.asset_observation_data.asset_observation
    assert observation.partition is None
    return {key: value.value for key, value in observation.metadata.items()}


def test_it_ends_well_and_no_partition_looks_otherwise(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    project.engine.fails_at = datetime(2026, 11, 12, tzinfo=timezone.utc)
    project.engine.error = StoreUnavailable("the database went away")
    assert not run_assets(definitions, instance, [DAYS], tags=PART).success
    ran = len(project.engine.runs)
    before = _statuses(definitions, instance)
    assert before[AssetPartitionStatus.MATERIALIZED] == {"2026-11-11"}
    assert before[AssetPartitionStatus.FAILED] == {"2026-11-12"}

    result = run_assets(definitions, instance, [DAYS], tags=RANGE, config=_config())

    assert result.success
    assert not result.get_asset_materialization_events()
    assert _statuses(definitions, instance) == before
    assert instance.get_materialized_partitions(DAYS) == {"2026-11-11"}
    assert len(project.engine.runs) == ran


def test_where_a_run_would_fail_no_partition_looks_failed(
    definitions: dg.Definitions,
    project: FakeProject,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run_assets(definitions, instance, [DAYS], tags=PART).success
    before = _statuses(definitions, instance)

    def away(*_: Any, **__: Any) -> Estimate:
        raise StoreUnavailable("the database went away")

    monkeypatch.setattr(project.foreteller, "fill", away)
    result = run_assets(definitions, instance, [DAYS], tags=RANGE, config=_config())
    assert result.success
    assert _observed(result) == {WOULD_FAIL: "the database went away"}
    assert _statuses(definitions, instance) == before
    # The command says so, and ends badly.
    outcome = materialize(definitions, instance, [DAYS], tags=RANGE, config={"dry_run": True})
    assert outcome.failure == "a run would fail: the database went away"


def _requested(instance: dg.DagsterInstance) -> PartitionBackfill:
    backfill = PartitionBackfill(
        "asked",
        BulkActionStatus.REQUESTED,
        from_failure=False,
        tags={},
        backfill_timestamp=NOW.timestamp(),
        asset_selection=[DAYS],
    )
    instance.add_backfill(backfill)
    return backfill


def _ended(instance: dg.DagsterInstance) -> BulkActionStatus:
    backfill = instance.get_backfill("asked")
    assert backfill
    return backfill.status


def test_the_backfill_that_asked_for_it_is_over(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    _requested(instance)
    tags = {**RANGE, "dagster/backfill": "asked"}
    assert run_assets(definitions, instance, [DAYS], tags=tags, config=_config()).success
    assert _ended(instance) is BulkActionStatus.COMPLETED_SUCCESS


def test_a_cancelled_backfill_stays_so(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    backfill = _requested(instance)
    instance.update_backfill(backfill.with_status(BulkActionStatus.CANCELING))
    tags = {**RANGE, "dagster/backfill": "asked"}
    assert run_assets(definitions, instance, [DAYS], tags=tags, config=_config()).success
    assert _ended(instance) is BulkActionStatus.CANCELING


def test_a_dagster_that_names_things_otherwise_fails_no_dry_run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _requested(instance)
    tags = {**RANGE, "dagster/backfill": "asked"}
    with monkeypatch.context() as patched:
        patched.delattr(dagster._core.execution.backfill, "BulkActionStatus")
        assert run_assets(definitions, instance, [DAYS], tags=tags, config=_config()).success
    assert _ended(instance) is BulkActionStatus.REQUESTED


def test_automation_starts_nothing(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    def tick(cursor: Any = None) -> dg.EvaluateAutomationConditionsResult:
        return dg.evaluate_automation_conditions(
            definitions, instance=instance, cursor=cursor, evaluation_time=NOW
        )

    first = tick()
    assert run_assets(definitions, instance, [DAYS], tags=RANGE, config=_config()).success
    second = tick(first.cursor)
    assert second.total_requested == 0
    # The same ticks see a real run.
    assert run_assets(definitions, instance, [DAYS], tags=RANGE).success
    assert tick(second.cursor).total_requested > 0


def test_the_estimate_is_an_observation_with_numbers_and_a_table(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    told = _observed(run_assets(definitions, instance, [DAYS], tags=RANGE, config=_config()))
    assert told["partitions"] == told["partitions_to_do"] == 4
    assert (told["queries"], told["instants"]) == (8, 80)
    assert (told["rows_expected"], told["rows_done"]) == (40, 12)
    assert (told["rows_to_write"], told["rows_already_there"]) == (20, 8)
    assert told["left_out"][0] == "2026-11-11: older than the retention of 365 days: a part"
    lines = [record.data for record in told["by_partition"].records]
    assert [line["partition"] for line in lines] == [f"2026-11-{day}" for day in (11, 12, 13, 14)]
    for name in COUNTS:
        assert sum(line[name] for line in lines) == told[name], name
    # 28 rows in two seconds of work, two workers.
    assert told["expected_seconds"] == pytest.approx(1.0)
    assert told["rate_from"].startswith("measured now by fetching 28 rows")


def test_the_pace_is_that_of_earlier_materializations(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    for day, rows in (("2026-11-01", 100), ("2026-11-02", 40), ("2026-11-03", 0)):
        made = {"rows_written": rows, "rows_already_there": 0, "seconds": 10.0}
        instance.report_runless_asset_event(
            dg.AssetMaterialization(DAYS, partition=day, metadata=made)
        )
    told = _observed(run_assets(definitions, instance, [DAYS], tags=RANGE, config=_config()))
    # 140 rows in 20 seconds of work, by two workers.
    assert told["rows_per_second"] == 14.0
    assert told["expected_seconds"] == pytest.approx(28 / 14)
    assert told["rate_from"].startswith("measured in the latest 2 partitions of backfill_1w")


def test_a_replacement_says_what_would_be_deleted_and_refused(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    project.foreteller.refusal = "one of 4 partitions stays as it is"
    config = _config(replace=True, records=["web_requests"], accept_loss=True)
    told = _observed(run_assets(definitions, instance, [DAYS], tags=RANGE, config=config))
    assert told["rows_to_delete"] == 24
    assert told["would_be_refused"] == "one of 4 partitions stays as it is"
    (asked,) = project.foreteller.asked
    assert asked["accept_loss"] is True
    assert asked["only"].records == {"web_requests"}


def test_what_is_chosen_reaches_the_estimate(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    config = _config(recheck=True, records=["up"], dry_run_seconds=1.0)
    assert run_assets(definitions, instance, [DAYS], tags=RANGE, config=config).success
    (asked,) = project.foreteller.asked
    assert asked["recheck"] is True
    assert asked["only"].records == {"up"}
    assert asked["may_ask"]()


def test_the_source_is_asked_once_whatever_the_time() -> None:
    now = [0.0]
    may_ask = until(5, clock=lambda: now[0])
    now[0] = 100.0
    assert may_ask()
    now[0] = 104.0
    assert may_ask()
    now[0] = 105.0
    assert not may_ask()


@pytest.mark.parametrize("earlier", [None, Measured(0, 0.0, 0)])
def test_nothing_to_do_takes_no_time(earlier: Measured | None) -> None:
    part = PartitionEstimate(PartitionReport(_window()), rows_done=7)
    took = duration(Estimate((part,), 2), earlier, "backfill_1w")
    assert (took.seconds, took.rows_per_second) == (0.0, 0.0)
    assert "no rows to fetch" in took.basis


def _window() -> Window:
    return Window(START, NOW)
