"""The commands of the recovery pages, typed as they stand there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from promtsdb_dagster.adapters.moving import store_of
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.rules import RuleGroup
from promtsdb_dagster.core.windows import Window
from tests.fix_postgres import Cluster, ScratchDatabase
from tests.fix_prometheus import DAY, GROUPS, MIDNIGHT, NOW, ROUTING, History
from tests.pages import PAGES, blocks, run

pytestmark = pytest.mark.e2e

# The weeks of backfill_forever that the pages name.
WEEKS = [Window(MIDNIGHT - n * DAY, MIDNIGHT - (n - 7) * DAY) for n in (16, 9)]
GROUP = "backfill_forever"
ROWS = "SELECT time, tag_id, name, schema, value FROM cumsum.prometheus_remote_write"
MINUTES = "SELECT * FROM cumsum.all_metrics_minute"
HOURS = "SELECT * FROM cumsum.all_metrics_hour"


def fill(database: ScratchDatabase, history: History, *, wrong: bool = False) -> None:
    """Fill two weeks of running totals, by the shipped rules or by a wrong one."""
    group = GROUPS[GROUP]
    rules = tuple(
        replace(rule, expr=rule.expr.replace("3600", "60")) if wrong and n == 0 else rule
        for n, rule in enumerate(group.rules)
    )
    groups: dict[str, RuleGroup] = {**GROUPS, GROUP: replace(group, rules=rules)}
    policy = Policy(history_start=MIDNIGHT - 20 * DAY)
    engine = Backfill(history.source, Writer(database), groups, ROUTING, policy)
    for week in WEEKS:
        report = engine.run(GROUP, [week], now=NOW)
        assert report.error is None


def told(database: ScratchDatabase, statement: str) -> list[str]:
    with database.connection() as connection:
        return sorted(map(repr, connection.execute(statement.encode()).fetchall()))


def of_hours(database: ScratchDatabase) -> str:
    """Return the table in which TimescaleDB keeps the hours."""
    with database.connection() as connection:
        return store_of("cumsum.all_metrics_hour", connection)


@pytest.mark.timeout(300)
def test_a_wrong_rule_and_a_damaged_aggregate(
    timescaledb_cluster: Cluster,
    timescaledb_database: ScratchDatabase,
    history: History,
    tmp_path: Path,
) -> None:
    environment = {
        "DATABASE_URL": timescaledb_database.url,
        "DATASOURCE_URL": history.url,
        "DAGSTER_HOME": str(tmp_path / "dagster"),
    }
    fill(timescaledb_database, history, wrong=True)
    with ScratchDatabase(timescaledb_cluster.migrated_url()) as right:
        fill(right, history)
        assert told(timescaledb_database, ROWS) != told(right, ROWS)
        run(blocks("recover-wrong-rule.md")["replace"], environment, tmp_path)
        assert told(timescaledb_database, ROWS) == told(right, ROWS)
    timescaledb_cluster.drop(right.url)

    minutes, hours = told(timescaledb_database, MINUTES), told(timescaledb_database, HOURS)
    assert minutes
    assert hours
    removed = "WHERE bucket >= '2026-11-12' AND bucket < '2026-11-13'"
    with timescaledb_database.connection() as connection:
        table = of_hours(timescaledb_database)
        connection.execute(f"DELETE FROM {table} {removed}".encode())  # noqa: S608
    assert told(timescaledb_database, HOURS) != hours
    run(blocks("recover-an-aggregate.md")["refresh"], environment, tmp_path)
    assert told(timescaledb_database, MINUTES) == minutes
    assert told(timescaledb_database, HOURS) == hours


@pytest.mark.timeout(300)
def test_a_lost_dagster(
    plain_database: ScratchDatabase,
    history: History,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    1. The database is full, and Dagster has never seen it; of the first week an entry is open.
    2. `recall` reports the second week and not the first; told again, it reports nothing.
    3. A backfill finds the second week done, and writes no row.
    """
    home = tmp_path / "dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    environment = {
        "DATABASE_URL": plain_database.url,
        "DATASOURCE_URL": history.url,
        "DAGSTER_HOME": str(home),
    }
    fill(plain_database, history)
    with plain_database.connection() as connection:
        connection.execute(
            "UPDATE internal.backfill_ledger SET verified_at = NULL"
            " WHERE window_start < %s AND record = 'web_requests'",
            (MIDNIGHT - 9 * DAY,),
        )
    page = blocks("recover-a-lost-dagster.md")
    said = run(page["recall"], environment, tmp_path)
    assert "backfill_forever: 1 partitions reported, 0 were known" in said
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_materialized_partitions(dg.AssetKey(GROUP)) == {"2026-11-11"}
        assert not instance.get_runs(dg.RunsFilter(job_name="__ASSET_JOB"))
    before = told(plain_database, ROWS)
    said = run(page["backfill"] + "make recall\n", environment, tmp_path)
    assert "1 of 1 partitions complete, 1 of them found done: 0 rows written" in said
    assert "backfill_forever: 0 partitions reported, 1 were known" in said
    assert told(plain_database, ROWS) == before


@pytest.mark.timeout(300)
def test_a_move(
    plain_database: ScratchDatabase,
    timescaledb_database: ScratchDatabase,
    history: History,
    tmp_path: Path,
) -> None:
    fill(plain_database, history)
    environment = {
        "DATABASE_URL": timescaledb_database.url,
        "OLD_URL": plain_database.url,
        "DAGSTER_HOME": str(tmp_path / "dagster"),
        "DATASOURCE_URL": history.url,
    }
    said = run(blocks("recover-by-moving.md")["move"], environment, tmp_path)
    assert "all tables hold the same" in said
    assert told(timescaledb_database, ROWS) == told(plain_database, ROWS)


def test_the_index_names_every_page() -> None:
    pages = {path.name for path in PAGES.glob("recover-*.md")}
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert pages <= set(re.findall(r"\]\(([\w-]+\.md)\)", index))
    for name in pages:
        assert blocks(name)
        for link in re.findall(r"\]\(([\w-]+\.md)\)", (PAGES / name).read_text(encoding="utf-8")):
            assert link in pages
