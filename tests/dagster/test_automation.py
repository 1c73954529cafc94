"""A refresh follows when everything that feeds an aggregate has ended, and only then."""

from __future__ import annotations

import dagster as dg
import pytest

from promtsdb_dagster.core.windows import Window, split
from promtsdb_dagster.defs.partitions import RANGE_END_TAG, RANGE_START_TAG, WEEK, Grid
from tests.dagster.fakes import NOW, START
from tests.dagster.running import run_assets

TOTALS = dg.AssetKey(["cumsum", "all_metrics_minute"])
GAUGES = [
    dg.AssetKey(["geo", "latest_coords"]),
    dg.AssetKey(["internal", "cagg_calculated_metric"]),
    *(dg.AssetKey(["internal", f"prometheus_{t}_1m"]) for t in ("mainnet", "testnet", "common")),
]
FOREVER, YEAR, DAYS = (dg.AssetKey(f"backfill_{name}") for name in ("forever", "1y", "1w"))
TEN_WEEKS = {RANGE_START_TAG: "2026-08-05", RANGE_END_TAG: "2026-10-07"}


class Ticks:
    """Evaluate the conditions one tick after another."""

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self._definitions, self._instance = definitions, instance
        self._cursor: object = None
        # The first evaluation only learns what is there.
        assert self.next().total_requested == 0

    def next(self) -> dg.EvaluateAutomationConditionsResult:
        result = dg.evaluate_automation_conditions(
            self._definitions,
            instance=self._instance,
            cursor=self._cursor,  # type: ignore[arg-type]
            evaluation_time=NOW,
        )
        self._cursor = result.cursor
        return result


@pytest.fixture
def ticks(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Ticks:
    """The automation after its first tick."""
    return Ticks(definitions, instance)


def _weeks(start: str, count: int) -> set[str]:
    grid = Grid(START, WEEK, ahead=True)
    first = grid.window(start).start
    return {
        grid.key(w.start)
        for w in split(Window(first, first + count * WEEK), grid.period, grid.start)
    }


def test_a_range_of_ten_weeks_asks_for_exactly_those_of_what_it_feeds(
    definitions: dg.Definitions, instance: dg.DagsterInstance, ticks: Ticks
) -> None:
    run_assets(definitions, instance, [YEAR], tags=TEN_WEEKS)
    result = ticks.next()
    for key in GAUGES:
        assert result.get_requested_partitions(key) == _weeks("2026-08-05", 10)
    assert result.get_requested_partitions(TOTALS) == set()
    assert ticks.next().total_requested == 0


def test_running_totals_follow_their_own_group(
    definitions: dg.Definitions, instance: dg.DagsterInstance, ticks: Ticks
) -> None:
    run_assets(definitions, instance, [FOREVER], tags=TEN_WEEKS)
    result = ticks.next()
    assert result.get_requested_partitions(TOTALS) == _weeks("2026-08-05", 10)
    assert result.total_requested == 10


def test_days_ask_for_the_weeks_that_hold_them(
    definitions: dg.Definitions, instance: dg.DagsterInstance, ticks: Ticks
) -> None:
    tags = {RANGE_START_TAG: "2026-11-10", RANGE_END_TAG: "2026-11-12"}
    run_assets(definitions, instance, [DAYS], tags=tags)
    result = ticks.next()
    for key in GAUGES:
        assert result.get_requested_partitions(key) == _weeks("2026-11-04", 2)


def test_nothing_is_asked_while_another_backfill_of_the_same_table_runs(
    definitions: dg.Definitions, instance: dg.DagsterInstance, ticks: Ticks
) -> None:
    job = definitions.resolve_implicit_global_asset_job_def()
    started = instance.create_run_for_job(
        job,
        asset_selection=frozenset({DAYS}),
        tags={RANGE_START_TAG: "2026-11-10", RANGE_END_TAG: "2026-11-10"},
        status=dg.DagsterRunStatus.STARTED,
    )
    run_assets(definitions, instance, [YEAR], tags=TEN_WEEKS)
    # Of other weeks than the run that has not ended: it holds all back, or there would be two.
    assert ticks.next().total_requested == 0
    run_assets(definitions, instance, [FOREVER], tags=TEN_WEEKS)
    assert ticks.next().get_requested_partitions(TOTALS) == _weeks("2026-08-05", 10)
    instance.report_run_failed(started)
    result = ticks.next()
    for key in GAUGES:
        assert result.get_requested_partitions(key) >= _weeks("2026-08-05", 10)


def test_what_a_failed_backfill_had_committed_is_refreshed(
    definitions: dg.Definitions,
    project: object,
    instance: dg.DagsterInstance,
    ticks: Ticks,
) -> None:
    from promtsdb_dagster.errors import StoreUnavailable
    from tests.dagster.fakes import FakeProject

    assert isinstance(project, FakeProject)
    project.engine.fails_at = Grid(START, WEEK, ahead=True).window("2026-08-19").end
    project.engine.error = StoreUnavailable("gone")
    assert not run_assets(definitions, instance, [YEAR], tags=TEN_WEEKS).success
    result = ticks.next()
    for key in GAUGES:
        assert result.get_requested_partitions(key) == _weeks("2026-08-05", 3)


def test_migrating_and_draining_ask_for_nothing(
    definitions: dg.Definitions, instance: dg.DagsterInstance, ticks: Ticks
) -> None:
    definitions.resolve_job_def("migrate").execute_in_process(instance=instance)
    run_assets(definitions, instance, [dg.AssetKey("staging_internal")])
    assert ticks.next().total_requested == 0
