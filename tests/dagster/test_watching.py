"""The demo waits for the runs of its own request and the refreshes after them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest

from promtsdb_dagster.commands.watching import History, Watch
from promtsdb_dagster.defs.aggregates import Aggregate
from promtsdb_dagster.defs.automation import AUTOMATION_TAG
from promtsdb_dagster.defs.groups import backfill_groups
from promtsdb_dagster.defs.history import TAG
from promtsdb_dagster.errors import StackError, StoreUnavailable
from tests.dagster.fakes import START, FakeProject
from tests.dagster.running import run_assets

GROUPS = [group for group in backfill_groups(START) if group.asset == "backfill_1w"]
TIER = Aggregate("internal", "prometheus_mainnet_1m", "internal")
PARTITION = "2026-11-11"


@pytest.fixture
def watch(instance: dg.DagsterInstance) -> Watch:
    """A watch over one group and one aggregate, of the request `mine`."""
    since = datetime.now(timezone.utc) - timedelta(minutes=1)
    return Watch(instance, "mine", GROUPS, [TIER], since)


def _backfill(definitions: dg.Definitions, instance: dg.DagsterInstance, request: str) -> None:
    tags = {TAG: request}
    run_assets(definitions, instance, [GROUPS[0].key], tags=tags, partition_key=PARTITION)


def _refresh(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    tags = {AUTOMATION_TAG: "true"}
    run_assets(definitions, instance, [TIER.key], tags=tags, partition_key=PARTITION)


def test_it_ends_when_the_refresh_after_the_backfill_has_ended(
    definitions: dg.Definitions, instance: dg.DagsterInstance, watch: Watch
) -> None:
    _backfill(definitions, instance, "mine")
    _refresh(definitions, instance)
    seen: list[History] = []
    history = watch.wait(seen.append, is_alive=lambda: True)
    assert [state for _, state, _ in history.states(watch.names)] == ["done", "done"]
    assert seen == [history]


@pytest.mark.parametrize("request_id", ["mine", "somebody else's"])
def test_a_refresh_before_the_backfill_is_not_the_one(
    definitions: dg.Definitions, instance: dg.DagsterInstance, watch: Watch, request_id: str
) -> None:
    _refresh(definitions, instance)
    _backfill(definitions, instance, request_id)
    with pytest.raises(StackError, match="the Dagster daemon ended"):
        watch.wait(lambda _: None, is_alive=lambda: False)


def test_a_failed_run_is_told_in_its_own_words(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    watch: Watch,
    project: FakeProject,
) -> None:
    project.engine.fails_at = START
    project.engine.error = StoreUnavailable("the database went away; run it again")
    _backfill(definitions, instance, "mine")
    with pytest.raises(StackError, match="backfill_1w failed: the database went away"):
        watch.wait(lambda _: None, is_alive=lambda: True)
