"""TimescaleDB's own jobs refresh, compress and drop beside us: no row and no bucket is lost.

The other tests' server runs no job. This one runs them all, as soon as a test asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.housekeeping import Housekeeping
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.adapters.policies import Policies
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.policies import problems
from promtsdb_dagster.core.report import Report
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import StoreUnavailable
from tests.doubles.memory import MemorySource
from tests.fix_postgres import SQL_DIR, Cluster, ScratchDatabase, running_cluster
from tests.oracle import wrong_buckets

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(timezone.utc)
TODAY = w.floor(NOW, DAY)
# Ten days that lie in one or two chunks, all older than the compression policy asks for.
DAYS = [Window(TODAY - (40 - n) * DAY, TODAY - (39 - n) * DAY) for n in range(10)]
PAST = Window(TODAY - 300 * DAY, w.floor(NOW, MINUTE))
NAMES = [f"{schema}.{name}" for schema, name, _ in AGGREGATES]
MAINNET = "internal.prometheus_mainnet_1m"
RECORDS = ("locked_tokens", "node_count", "manifest_geo_latitude")
ROUTING = Routing(frozenset({"manifest_geo_latitude"}), frozenset())
TIERS = ("mainnet", "testnet", "none")


class Tiers(MemorySource):
    """Answer with one series a tier."""

    def __init__(self) -> None:
        super().__init__(lambda *_: {}, NOW)

    def query_range(self, expr: str, window: Window, step: timedelta) -> list[Mapping[str, Any]]:
        seconds = [int(instant.timestamp()) for instant in w.instants(window, step)]
        return [
            {
                "metric": {"manifest_tier": tier, "instance": tier, "amount": f"{n}{'0' * 24}"},
                "values": [[second, str(second // 900 % 97 + n)] for second in seconds],
            }
            for n, tier in enumerate(TIERS)
        ]


def backfill(database: ScratchDatabase, step: timedelta, **options: Any) -> Report:
    # What one group did is done for it; another step is another group's.
    name = f"gauges_{step // MINUTE}m"
    rules = tuple(Rule(name, record, record, {}, "f", 1) for record in RECORDS)
    engine = Backfill(
        Tiers(),
        Writer(database),
        {name: RuleGroup(name, step, rules, "f")},
        ROUTING,
        Policy(history_start=TODAY - 300 * DAY, instants_per_unit=2 * DAY // step),
    )
    report = engine.run(name, DAYS, now=NOW, **options)
    assert report.error is None
    return report


def rows(step: timedelta) -> int:
    return len(RECORDS) * len(TIERS) * len(DAYS) * (DAY // step)


@pytest.fixture(scope="module")
def busy_cluster() -> Iterator[Cluster]:
    """Run a server whose policies really run."""
    settings = {"timescaledb.max_background_workers": "16", "max_worker_processes": "32"}
    with running_cluster("timescaledb", settings) as cluster:
        yield cluster


@pytest.fixture
def policed(busy_cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[ScratchDatabase]:
    """Lend a migrated database with its policies; no template, a scheduler would sit in it."""
    url = busy_cluster.url(busy_cluster.create(request.node.name[:60]))
    with ScratchDatabase(url, max_connections=20) as database:
        Migrator(database, load_migrations(SQL_DIR)).up()
        yield database
    busy_cluster.drop(url)


def ask(database: ScratchDatabase, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with database.connection(autocommit=True) as connection:
        cursor = connection.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def ask_count(database: ScratchDatabase, statement: str) -> int:
    return len(ask(database, statement))


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not what():
        assert time.monotonic() < deadline
        # Not a guess at how long it takes: the loop ends when the server did it.
        time.sleep(0.1)


def set_all_policies_off(database: ScratchDatabase) -> None:
    ask(
        database,
        "SELECT public.alter_job(job_id, next_start => now())"
        " FROM timescaledb_information.jobs"
        " WHERE hypertable_name IS NOT NULL OR proc_name = 'refresh_rollups'",
    )


def compress_by_hand(database: ScratchDatabase) -> None:
    ask(database, "SELECT public.remove_compression_policy('internal.prometheus_remote_write')")


def compress(database: ScratchDatabase) -> None:
    ask(
        database,
        "SELECT public.compress_chunk(c, if_not_compressed => true)"
        " FROM public.show_chunks('internal.prometheus_remote_write') AS c",
    )


def is_compressed(database: ScratchDatabase) -> bool:
    return ask(
        database,
        "SELECT coalesce(bool_and(is_compressed), false) FROM timescaledb_information.chunks"
        " WHERE hypertable_schema = 'internal' AND hypertable_name = 'prometheus_remote_write'"
        " AND range_end < now() - INTERVAL '7 days'",
    ) == [(True,)]


def is_rolled_up(database: ScratchDatabase) -> bool:
    return ask(
        database,
        "SELECT bool_and(internal.rolled_up(r.rollup) @> tstzrange(%s, %s)) FROM internal.rollup r"
        " WHERE r.aggregate = %s",
        DAYS[0].start,
        DAYS[-1].end,
        MAINNET,
    ) == [(True,)]


def assert_exact(database: ScratchDatabase, expected: int) -> None:
    """Check that each row is there once, and that no window waits for its verification."""
    counted = ask(
        database,
        "SELECT count(*), count(DISTINCT (time, tag_id, name, schema))"
        " FROM internal.prometheus_remote_write WHERE time < %s",
        DAYS[-1].end,
    )
    assert counted == [(expected, expected)]
    waiting = "SELECT 1 FROM internal.backfill_ledger WHERE verified_at IS NULL"
    assert ask(database, waiting) == []


def refresh(database: ScratchDatabase) -> None:
    for name in NAMES:
        Aggregates(database).refresh(name, PAST, only_changed=True)


def send(database: ScratchDatabase, table: str, row: tuple[object, ...]) -> None:
    places = ", ".join(["%s"] * len(row))
    ask(database, f"INSERT INTO staging_internal.{table} VALUES ({places})", *row)  # noqa: S608


def test_backfills_and_refreshes_beside_all_policies(policed: ScratchDatabase) -> None:
    """
    1. Ten days are stored by the hour; then every policy starts to work.
    2. Meanwhile the same days are stored by the quarter, rows and late tags come through staging,
       and two sessions refresh what changed.
    3. The old chunks get compressed, the last hour gets refreshed by its policy.
    4. All is stored once more, all of it duplicates; in the end every bucket is as it should be.
    """
    ask(policed, "UPDATE internal.staging_limit SET late = INTERVAL '1 year'")
    backfill(policed, HOUR)
    young, old = NOW - 10 * MINUTE, DAYS[3].start + 30 * timedelta(seconds=1)
    send(policed, "prometheus_remote_write", (young, 1, "node_count", "mainnet", 5))
    send(policed, "prometheus_remote_write", (old, 1, "node_count", "mainnet", 7))
    set_all_policies_off(policed)
    with ThreadPoolExecutor(4) as pool:
        works: list[Future[Any]] = [pool.submit(backfill, policed, 15 * MINUTE)]
        works += [pool.submit(refresh, policed) for _ in range(2)]
        works += [pool.submit(send, policed, "prometheus_remote_write_tag", (1, "{}"))]
        for work in works:
            work.result()
    asked_at = time.monotonic()

    def compressed_in_the_end() -> bool:
        """A job that met writers may have left a chunk for its next run, half a day later."""
        nonlocal asked_at
        if time.monotonic() - asked_at > 5:
            asked_at = time.monotonic()
            set_all_policies_off(policed)
        return is_compressed(policed)

    wait_for(compressed_in_the_end)

    again = backfill(policed, 15 * MINUTE, recheck=True)

    assert sum(part.rows_present for part in again.partitions) == rows(15 * MINUTE)
    assert again.rows_written == 0
    assert_exact(policed, rows(15 * MINUTE) + 1)
    refresh(policed)
    held = f"SELECT 1 FROM {MAINNET} WHERE name = 'node_count' AND bucket > now() - INTERVAL '1 h'"  # noqa: S608
    wait_for(lambda: ask_count(policed, held) > 0)
    assert wrong_buckets(policed, w.floor(NOW, MINUTE)) == {}
    set_all_policies_off(policed)
    wait_for(lambda: is_rolled_up(policed))
    wait_for(lambda: all(job.started_at for job in Policies(policed).upkeep(NOW).jobs))
    assert problems(Policies(policed).upkeep(NOW), NOW) == []
    assert Housekeeping(policed).note_missed() == []


def test_compressed_chunks_take_all_kinds_of_writes(policed: ScratchDatabase) -> None:
    """New rows between compressed ones need no decompression, so no limit of it stops them."""
    name = policed.url.rsplit("/", 1)[1]
    ask(
        policed,
        f'ALTER DATABASE "{name}" SET timescaledb.max_tuples_decompressed_per_dml_transaction = 10',
    )
    compress_by_hand(policed)
    backfill(policed, HOUR)
    compress(policed)
    refresh(policed)

    finer = backfill(policed, 15 * MINUTE)
    compress(policed)
    again = backfill(policed, 15 * MINUTE, recheck=True)

    assert finer.rows_written == rows(15 * MINUTE) - rows(HOUR)
    assert again.rows_written == 0
    assert_exact(policed, rows(15 * MINUTE))
    refresh(policed)
    assert wrong_buckets(policed, PAST.end) == {}


def test_a_chunk_that_is_compressed_while_a_writer_waits(policed: ScratchDatabase) -> None:
    """Rows that were compressed a moment ago conflict, verify and count like any others."""
    compress_by_hand(policed)
    backfill(policed, HOUR)
    with ThreadPoolExecutor(2) as pool, psycopg.connect(policed.url) as compressing:
        compressing.execute(
            "SELECT public.compress_chunk(c)"
            " FROM public.show_chunks('internal.prometheus_remote_write') AS c"
        )
        writing = pool.submit(backfill, policed, 15 * MINUTE)
        refreshing = pool.submit(refresh, policed)
        blocked = "SELECT 1 FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM"
        blocked += " pg_database WHERE datname = current_database())"
        wait_for(lambda: ask_count(policed, blocked) > 0)
        compressing.commit()
        written = writing.result().rows_written
        refreshing.result()

    assert written == rows(15 * MINUTE) - rows(HOUR)
    assert_exact(policed, rows(15 * MINUTE))
    refresh(policed)
    assert wrong_buckets(policed, PAST.end) == {}


def test_a_refresh_that_is_killed_half_way_is_healed(policed: ScratchDatabase) -> None:
    """
    1. A refresh has taken in what is invalid, and waits for the tags to compute the buckets.
    2. Its session is killed.
    3. A refresh of what changed computes every bucket nevertheless.
    """
    backfill(policed, HOUR)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(policed.url) as holding:
        holding.execute("LOCK TABLE internal.prometheus_remote_write_tag IN ACCESS EXCLUSIVE MODE")
        call = "CALL public.refresh_continuous_aggregate('geo.latest_coords', %s, %s)"
        killed = pool.submit(ask, policed, call, PAST.start, PAST.end)
        kill = (
            "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_locks l"
            " USING (pid) WHERE NOT l.granted AND a.query LIKE 'CALL public.%'"
        )
        wait_for(lambda: ask_count(policed, kill) > 0)
        with pytest.raises(StoreUnavailable):
            killed.result()
    assert "geo.latest_coords" in wrong_buckets(policed, PAST.end)

    refresh(policed)
    assert Aggregates(policed).pending() == []
    assert wrong_buckets(policed, PAST.end) == {}
