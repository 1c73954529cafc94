"""A real Dagster, a real Prometheus and a real PostgreSQL: one backfill, one refresh."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest

from promtsdb_dagster.defs.groups import backfill_groups
from promtsdb_dagster.localstack.history import HistoryPlan
from promtsdb_dagster.settings import ROOT
from tests.docs.reading import blocks
from tests.doubles.scripted_http import Answer, ScriptedServer, scripted
from tests.fix_dagster import Daemon, running_dagster, say_history_is_there
from tests.fix_postgres import ScratchDatabase
from tests.fix_prometheus import running_prometheus

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

WEEK = timedelta(days=7)
HISTORY_START = datetime(2023, 5, 10, tzinfo=timezone.utc)
GAUGES = [
    dg.AssetKey(["geo", "latest_coords"]),
    dg.AssetKey(["internal", "cagg_calculated_metric"]),
    *(dg.AssetKey(["internal", f"prometheus_{t}_1m"]) for t in ("mainnet", "testnet", "common")),
]
TOTALS = dg.AssetKey(["cumsum", "all_metrics_minute"])
LAUNCH = """
mutation Launch($parameters: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $parameters) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
WRONG = """
mutation Wrong($parameters: ExecutionParams!) {
  launchRun(executionParams: $parameters) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
STATUS = """
query Status($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { status numPartitions }
  }
}
"""
BUCKETS = """
    SELECT count(*) FILTER (WHERE aggregate.bucket IS NULL), count(*)
    FROM (
        SELECT DISTINCT time, name FROM internal.prometheus_remote_write WHERE schema = 'mainnet'
    ) AS raw
    LEFT JOIN internal.prometheus_mainnet_1m AS aggregate
        ON (aggregate.bucket, aggregate.name) = (raw.time, raw.name)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus with the last twelve days."""
    plan = HistoryPlan(now=int(time.time()), days=12)
    with running_prometheus(tmp_path_factory.mktemp("source"), plan) as url:
        yield url


@pytest.fixture
def webhook() -> Iterator[ScriptedServer]:
    """What people are told by; it is out of order at first."""
    with scripted(Answer(b"", 403), Answer(b"")) as server:
        yield server


@pytest.fixture
def daemon(
    source: str, plain_database: ScratchDatabase, tmp_path: Path, webhook: ScriptedServer
) -> Iterator[Daemon]:
    """`dagster dev` on that source and a migrated database that has some history already."""
    say_history_is_there(plain_database)
    hook = f"{webhook.url}/hook"
    with running_dagster(tmp_path, plain_database.url, source, NOTIFY_WEBHOOK_URL=hook) as found:
        yield found


# 0. A dry run of a range is launched the same way: it ends well, and nothing follows from it.
# 1. A person opens `backfill_1y` in the UI, chooses ten weeks and presses Materialize.
# 2. The daemon makes one run of them, since the policy of the asset is a single run.
# 3. That run fetches what the source has, and writes it.
# 4. When the backfill is over, the sensor `automation` asks for one refresh of the five
#    aggregates that gauges feed, over the same ten weeks, and not of the running totals.
# 5. The refresh covers what the backfill changed, and the buckets are there.
# 6. Two more ticks of the sensor later nothing else was asked for.
# 7. A run that fails is told to people, as soon as their webhook answers.
# 8. From outside, the daemon is seen to be well.
def test_ten_partitions_lead_to_one_refresh_of_what_they_feed(
    daemon: Daemon, plain_database: ScratchDatabase, webhook: ScriptedServer
) -> None:
    group = next(g for g in backfill_groups(HISTORY_START) if g.asset == "backfill_1y")
    end = group.grid.end(datetime.now(timezone.utc))
    weeks = [group.grid.key(end - n * WEEK) for n in range(10, 0, -1)]
    assert len(weeks) == 10
    with dg.DagsterInstance.from_config(str(daemon.home)) as instance:
        daemon.await_("the automation ticks", lambda: _ticks(instance) >= 1)
        days = backfill_groups(HISTORY_START)[2]
        last = days.grid.end(datetime.now(timezone.utc))
        dry = daemon.ask(
            LAUNCH,
            parameters={
                "assetSelection": [{"path": [days.asset]}],
                "partitionNames": [days.grid.key(last - n * timedelta(days=1)) for n in (3, 2, 1)],
                "runConfigData": {"ops": {days.asset: {"config": {"dry_run": True}}}},
            },
        )["launchPartitionBackfill"]
        launched = daemon.ask(
            LAUNCH,
            parameters={"assetSelection": [{"path": ["backfill_1y"]}], "partitionNames": weeks},
        )["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        daemon.await_(
            "the backfill is over",
            lambda: _status(daemon, launched["backfillId"]) == "COMPLETED_SUCCESS",
        )
        daemon.await_(
            "the dry run is over",
            lambda: _status(daemon, dry["backfillId"]) == "COMPLETED_SUCCESS",
        )
        (observed,) = instance.fetch_observations(days.key, limit=5).records
        assert observed.asset_observation
        assert observed.asset_observation.metadata["rows_to_write"].value
        daemon.await_(
            "all aggregates are refreshed",
            lambda: all(_materialized(instance, key)[1] >= set(weeks) for key in GAUGES),
        )
        seen = _ticks(instance)
        daemon.await_("the automation has looked twice more", lambda: _ticks(instance) >= seen + 2)

        backfill_runs, filled = _materialized(instance, group.key)
        assert (len(backfill_runs), filled) == (1, set(weeks))
        for key in GAUGES:
            runs, refreshed = _materialized(instance, key)
            assert (len(runs), refreshed) == (1, set(weeks)), key
        assert _materialized(instance, TOTALS) == (set(), set())
        assert _materialized(instance, days.key) == (set(), set())
        unfinished = [run for run in instance.get_runs() if not run.is_finished]
        assert unfinished == []
        assert all(run.is_success for run in instance.get_runs())
        refresh = instance.get_latest_materialization_event(GAUGES[2])
        assert refresh is not None
        assert refresh.asset_materialization is not None
        told = {k: v.value for k, v in refresh.asset_materialization.metadata.items()}
    assert told["only_changed"] is True
    assert told["windows"] >= 1
    with plain_database.connection() as connection:
        missing, raw = connection.execute(BUCKETS).fetchone() or (None, None)
        (left,) = connection.execute(
            "SELECT count(*) FROM internal.aggregate_change"
        ).fetchone() or (None,)
    assert raw
    assert missing == 0
    assert left == 0
    _a_failure_is_told(daemon, webhook)
    _the_daemon_is_well(daemon)


def _a_failure_is_told(daemon: Daemon, webhook: ScriptedServer) -> None:
    assert webhook.requests == []
    day = f"{datetime.now(timezone.utc) - 2 * timedelta(days=1):%Y-%m-%d}"
    launched = daemon.ask(
        WRONG,
        parameters={
            "selector": {
                "repositoryLocationName": "promtsdb",
                "repositoryName": "__repository__",
                "pipelineName": "__ASSET_JOB",
                "assetSelection": [{"path": ["backfill_1w"]}],
                "assetCheckSelection": [],
            },
            "runConfigData": {"ops": {"backfill_1w": {"config": {"only": ["nonsense"]}}}},
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": day}]},
        },
    )["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    daemon.await_("the webhook was asked again", lambda: len(webhook.requests) >= 2)
    for _, _, body in webhook.requests:
        (notice,) = json.loads(body)["notices"]
        assert (notice["subject"], notice["count"]) == ("backfill_1w", 1)
        assert notice["partitions"] == f"partition {day}"
        assert "'nonsense' is not a window" in notice["text"]
        assert "wanted START/END" in notice["text"]
        assert notice["url"] == f"{daemon.url}/runs/{launched['run']['runId']}"


def _the_daemon_is_well(daemon: Daemon) -> None:
    (command,) = (
        block.text
        for block in blocks(ROOT / "docs" / "how-to" / "be-told-of-failures.md", "sh")
        if "daemonHealth" in block.text
    )
    done = subprocess.run(
        ["bash", "-euc", command.replace("http://127.0.0.1:3030", daemon.url)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    statuses = json.loads(done.stdout)["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]
    required = {each["daemonType"]: each["healthy"] for each in statuses if each["required"]}
    assert {"SENSOR", "SCHEDULER"} <= set(required)
    assert all(required.values()), required


def _status(daemon: Daemon, backfill: str) -> str:
    found: str = daemon.ask(STATUS, id=backfill)["partitionBackfillOrError"]["status"]
    assert found not in ("COMPLETED_FAILED", "FAILED", "CANCELED"), daemon.log.read_text()[-4000:]
    return found


def _ticks(instance: dg.DagsterInstance) -> int:
    """Return how often the sensor `automation` has looked."""
    states = [s for s in instance.all_instigator_state() if s.instigator_name == "automation"]
    return sum(
        len(instance.get_ticks(state.instigator_origin_id, state.selector_id)) for state in states
    )


def _materialized(instance: dg.DagsterInstance, key: dg.AssetKey) -> tuple[set[str], set[str]]:
    """Return the runs that materialized an asset, and the partitions."""
    records = instance.fetch_materializations(key, limit=1000).records
    return {r.run_id for r in records}, {r.partition_key for r in records if r.partition_key}
