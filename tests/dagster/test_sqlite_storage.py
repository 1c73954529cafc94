"""Events that are written in batches are the events that Dagster writes one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from promtsdb_dagster.commands.home import write_settings
from promtsdb_dagster.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from promtsdb_dagster.defs.sqlite_storage import BatchedEventLog

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-02-01")
KEYS = [f"2026-01-{day:02d}" for day in range(1, 32)]
EVENTS = "SELECT * FROM event_logs ORDER BY id"
ASSETS = "SELECT * FROM asset_keys ORDER BY id"
TAGS = "SELECT * FROM asset_event_tags ORDER BY id"
# The value of a tag is a data version, which is made of the run.
DIFFERING = {"event", "run_id", "last_run_id", "last_materialization", "value"}


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def rows() -> dg.MaterializeResult[None]:
    context = dg.AssetExecutionContext.get()
    for key in context.partition_keys:
        context.add_asset_metadata({"day": key}, partition_key=key)
    return dg.MaterializeResult()


@pytest.fixture(params=["1000", "7", "0"])
def batches(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", request.param)
    return str(request.param)


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    write_settings(tmp_path)
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, BatchedEventLog)
        yield instance


def materialize(instance: dg.DagsterInstance) -> str:
    tags = {RANGE_START_TAG: KEYS[0], RANGE_END_TAG: KEYS[-1]}
    return dg.materialize([rows], instance=instance, tags=tags).run_id


def stored(home: Path, shard: str, statement: str) -> list[dict[str, Any]]:
    """Return the rows of a table without what differs from run to run."""
    with closing(sqlite3.connect(home / "history" / "runs" / f"{shard}.db")) as connection:
        cursor = connection.execute(statement)
        names = [column[0] for column in cursor.description]
        kept = [name for name in names if "time" not in name and name not in DIFFERING]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
        return [{name: row[name] for name in kept} for row in rows]


def test_every_partition_has_its_events(instance: dg.DagsterInstance, batches: str) -> None:
    run_id = materialize(instance)

    found = instance.fetch_materializations(rows.key, limit=100, ascending=True).records
    assert [record.partition_key for record in found] == KEYS
    days = [record.asset_materialization.metadata["day"].value for record in found]  # type: ignore[union-attr]
    assert days == KEYS
    assert instance.get_materialized_partitions(rows.key) == set(KEYS)
    newest = instance.get_latest_materialization_event(rows.key)
    assert newest is not None
    assert newest.run_id == run_id
    assert newest.asset_materialization is not None
    assert newest.asset_materialization.partition == KEYS[-1]
    planned = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    assert {entry.get_dagster_event().partition for entry in planned} == set(KEYS)


def test_the_tables_are_those_of_dagsters_own_storage(
    instance: dg.DagsterInstance, batches: str, tmp_path: Path
) -> None:
    run_id = materialize(instance)
    other = tmp_path / "other"
    other.mkdir()
    with dg.DagsterInstance.local_temp(str(other)) as own:
        assert type(own.event_log_storage) is SqliteEventLogStorage
        own_id = materialize(own)
    for statement in (EVENTS, ASSETS, TAGS):
        assert stored(tmp_path, "index", statement) == stored(other, "index", statement)
    assert stored(tmp_path, run_id, EVENTS) == stored(other, own_id, EVENTS)
    assert len(stored(other, "index", EVENTS)) > 2 * len(KEYS)


def test_a_home_that_dagsters_own_storage_wrote_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").touch()
    with dg.DagsterInstance.get() as before:
        assert type(before.event_log_storage) is SqliteEventLogStorage
        first = materialize(before)
    (tmp_path / "dagster.yaml").unlink()
    write_settings(tmp_path)

    with dg.DagsterInstance.get() as now:
        assert isinstance(now.event_log_storage, BatchedEventLog)
        second = materialize(now)
        found = now.fetch_materializations(rows.key, limit=100, ascending=True).records
        assert [record.run_id for record in found] == [first] * len(KEYS) + [second] * len(KEYS)
        assert {run.run_id for run in now.get_runs()} == {first, second}


def test_a_batch_is_written_as_one(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "500")
    sizes = []
    write = BatchedEventLog.store_event_batch

    def counted(self: BatchedEventLog, events: Any) -> None:
        sizes.append(len(events))
        write(self, events)

    monkeypatch.setattr(BatchedEventLog, "store_event_batch", counted)
    materialize(instance)
    assert sizes == [len(KEYS), len(KEYS)]
