"""vmalert's replay through Telegraf leaves what the direct writer leaves."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import dagster as dg
from pydantic import SecretStr

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.definitions import build
from promtsdb_dagster.installation import install
from promtsdb_dagster.settings import Settings
from tests.dagster.running import run_assets
from tests.fix_postgres import ScratchDatabase
from tests.fix_prometheus import NOW, History
from tests.fix_replay import HOUR, PARTITIONS, TABLES, WEEK, everything, plain, replayed, verified
from tests.fix_telegraf import PASSWORD, Telegraf
from tests.oracle import wrong_buckets
from tests.rows import stored


def test_both_writers_leave_the_same(
    history: History,
    database: ScratchDatabase,
    another_database: ScratchDatabase,
    telegraf: Telegraf,
    vmalert: Path,
) -> None:
    direct = history.backfill(another_database)
    replay = replayed(history, database, telegraf, vmalert)

    for group, partition in PARTITIONS.items():
        theirs = direct.run(group, [partition], now=NOW)
        ours = replay.run(group, [partition], now=NOW)
        assert (theirs.error, ours.error) == (None, None)
        assert ours.rows_written == theirs.rows_written > 0
        [part] = ours.partitions
        assert part.complete
        assert part.remarks == []

    expected = everything(another_database)
    assert everything(database) == expected
    steps = {(row[0], row[3]) for row in expected["ledger"] if row[2] == "web_requests"}
    assert steps == {("live", timedelta(minutes=1)), ("backfill_forever", HOUR)}
    assert stored(database, "internal.live_start") == []
    assert stored(database, "internal.refused_row") == []


def test_what_a_replay_brought_is_refreshed(
    history: History, database: ScratchDatabase, telegraf: Telegraf, current_vmalert: Path
) -> None:
    replay = replayed(history, database, telegraf, current_vmalert)
    partition = PARTITIONS["backfill_1w"]

    assert replay.run("backfill_1w", [partition], now=NOW).error is None

    aggregates = Aggregates(database)
    for schema, name, _ in AGGREGATES:
        aggregates.refresh(f"{schema}.{name}", partition, only_changed=True)
    assert wrong_buckets(database, NOW) == {}
    with database.connection() as connection:
        [held] = connection.execute("SELECT count(*) FROM internal.prometheus_mainnet_1m")
    assert held[0] > 0


def test_after_a_replay_there_is_nothing_left_to_write(
    history: History, database: ScratchDatabase, telegraf: Telegraf, current_vmalert: Path
) -> None:
    partition = PARTITIONS["backfill_forever"]
    replay = replayed(history, database, telegraf, current_vmalert)
    replay.run("backfill_forever", [partition], now=NOW)
    before = everything(database)

    direct = history.backfill(database).run("backfill_forever", [partition], now=NOW)
    again = replay.run("backfill_forever", [partition], now=NOW, recheck=True)

    assert (direct.error, direct.rows_written) == (None, 0)
    assert [part.found_done for part in direct.partitions] == [True]
    assert (again.error, again.rows_written) == (None, 0)
    assert {name: before[name] for name in TABLES} == {
        name: rows for name, rows in everything(database).items() if name in TABLES
    }


@plain
def test_a_run_that_asks_for_a_replay(
    history: History, database: ScratchDatabase, telegraf: Telegraf, current_vmalert: Path
) -> None:
    """The graph as it is, from the run's configuration to what is to be refreshed."""
    settings = Settings(
        database_url=SecretStr(database.url),
        datasource_url=history.url,
        telegraf_url=telegraf.url,
        telegraf_password=SecretStr(PASSWORD),
        vmalert_program=current_vmalert,
    )
    asset, week = dg.AssetKey("backfill_forever"), "2026-11-11"

    with dg.DagsterInstance.ephemeral() as instance, closing(install(settings)) as project:
        result = run_assets(
            build(settings, project),
            instance,
            [asset],
            partition_key=week,
            config={"ops": {"backfill_forever": {"config": {"writer": "replay"}}}},
        )
        assert result.success
        [event] = result.get_asset_materialization_events()

    metadata = {key: entry.value for key, entry in event.materialization.metadata.items()}
    assert metadata["rows_written"] == len(stored(database, TABLES[1])) > 6 * 24
    assert metadata["remarks"] == []
    assert verified(database) == {True}
    changed = {(name, window.meet(WEEK)) for name, window, *_ in Aggregates(database).pending()}
    assert {name for name, window in changed if window} == {"cumsum.all_metrics_minute"}
