"""Killed at any point and resumed, in any order, a backfill ends as one clean run does."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from promtsdb_dagster.settings import ROOT
from tests.fix_postgres import Cluster, ScratchDatabase
from tests.fix_prometheus import History

# By engine; the plain one runs everywhere.
KILLS = {"postgresql": 50, "timescaledb": 20}
KILLS_A_ROUND = 10

# Everything but when and by whom.
CONTENTS = (
    "SELECT time, tag_id, name, schema, value FROM internal.prometheus_remote_write",
    "SELECT time, tag_id, name, schema, value FROM cumsum.prometheus_remote_write",
    "SELECT tag_id, labels, host, instance, supply FROM internal.prometheus_remote_write_tag",
    """
    SELECT rule_group, rule, record, step, window_start, window_end, rows_source, rows_written,
        samples_dropped, verified_at IS NOT NULL
    FROM internal.backfill_ledger
    """,
    """
    SELECT aggregate, range_agg(tstzrange(window_start, window_end))
    FROM internal.aggregate_change GROUP BY aggregate
    """,
)


def contents(database: ScratchDatabase) -> list[list[str]]:
    with database.connection() as connection:
        return [sorted(map(repr, connection.execute(q).fetchall())) for q in CONTENTS]


@contextmanager
def worker(database: ScratchDatabase, history: History, seed: int) -> Iterator[Any]:
    command = [sys.executable, "-m", "tests.integration.backfill_worker"]
    with subprocess.Popen(
        [*command, database.url, history.url, str(seed)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def run_to_the_end(database: ScratchDatabase, history: History, seed: int) -> None:
    with worker(database, history, seed) as process:
        assert process.wait(timeout=120) == 0


def killed(database: ScratchDatabase, history: History, seed: int, after: float) -> bool:
    """Kill a worker; return False when it was done before."""
    with worker(database, history, seed) as process:
        try:
            # Not a wait for anything: the moment of the kill is what is varied.
            assert process.wait(timeout=after) == 0
        except subprocess.TimeoutExpired:
            return True
    return False


@pytest.fixture
def clean(history: History, cluster: Cluster) -> list[list[str]]:
    """Return what one run without any accident leaves."""
    with ScratchDatabase(cluster.migrated_url()) as database:
        run_to_the_end(database, history, seed=0)
        found = contents(database)
    cluster.drop(database.url)
    return found


@pytest.mark.timeout(600)
def test_kills_leave_what_one_clean_run_leaves(
    history: History, cluster: Cluster, clean: list[list[str]]
) -> None:
    """
    1. A worker begins all partitions of all groups, in a random order.
    2. It is killed with SIGKILL after a random part of a second, and the next one begins, in
       another order; the last of a round may end.
    3. The database then equals that of a clean run, row for row.
    4. This is done with fresh databases until there were enough kills.
    """
    chance = random.Random(20261122)
    kills = rounds = 0
    while kills < KILLS[cluster.engine]:
        rounds += 1
        assert rounds <= 30, f"only {kills} kills: this machine is done before it can be killed"
        with ScratchDatabase(cluster.migrated_url()) as database:
            for _ in range(KILLS_A_ROUND):
                kills += killed(database, history, chance.randrange(10**9), chance.uniform(0, 0.8))
            # In another order again, over what is left and what is right already.
            run_to_the_end(database, history, chance.randrange(10**9))
            assert contents(database) == clean
        cluster.drop(database.url)
    print(f"{kills} kills in {rounds} rounds on {cluster.engine}")
