"""A wrong rule, mended after the fact: afterwards all is as if it had never been wrong."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.planner import Only
from promtsdb_dagster.errors import InputError, LossRefused
from promtsdb_dagster.settings import ROOT
from tests.fix_postgres import Cluster
from tests.oracle import wrong_buckets
from tests.replaced_world import (
    DAY,
    GAUGE,
    HOUR,
    MINUTE,
    OTHER,
    TOTAL,
    ReplacedWorld,
    Window,
    database_now,
    filled,
)
from tests.rows import put

# By engine; each takes a new worker, half a second of Python.
KILLS = {"postgresql": 3, "timescaledb": 2}
# By hour, the series that have a row.
TWINS = [(0, 1), (0, 2), (1, 1), (2, 2), (3, 1), (3, 2)]


@pytest.fixture
def world(cluster: Cluster) -> Iterator[ReplacedWorld]:
    """Lend one that a wrong rule filled; the rule is mended."""
    with filled(cluster, wrong=True) as world:
        world.mend()
        yield world


@pytest.fixture
def right(cluster: Cluster, world: ReplacedWorld) -> Iterator[ReplacedWorld]:
    """Lend a database that the right rules filled from the beginning."""
    with filled(cluster, now=world.now) as twin:
        yield twin


def refresh_within_an_hour(*worlds: ReplacedWorld) -> None:
    """Refresh all of them before the server's hour ends, by which roll-ups end."""
    while True:
        hour = w.floor(database_now(worlds[0].database), HOUR)
        for each in worlds:
            each.refresh()
        if w.floor(database_now(worlds[0].database), HOUR) == hour:
            return


def assert_same(world: ReplacedWorld, right: ReplacedWorld) -> None:
    refresh_within_an_hour(world, right)
    for mine, theirs in zip(world.contents(), right.contents(), strict=True):
        assert set(mine) ^ set(theirs) == set()
        assert mine == theirs
    assert not wrong_buckets(world.database, world.now - 2 * MINUTE)


def replace(world: ReplacedWorld, *records: str, window: Window | None = None) -> None:
    report = world.replace(*records, window=window)
    assert report.error is None, report.error


def compress(world: ReplacedWorld) -> None:
    with world.database.connection() as connection:
        for table in ("internal", "cumsum"):
            (chunks,) = connection.execute(
                "SELECT count(compress_chunk(c, if_not_compressed => true)) FROM show_chunks(%s) c",
                (f"{table}.prometheus_remote_write",),
            ).fetchone() or (0,)
            assert chunks


@pytest.mark.parametrize("compressed", [False, True])
def test_a_replaced_metric_is_as_if_its_rule_had_always_been_right(
    world: ReplacedWorld, right: ReplacedWorld, cluster: Cluster, compressed: bool
) -> None:
    if compressed and cluster.engine == "postgresql":
        pytest.skip("PostgreSQL compresses no rows")
    for _ in range(2):
        if compressed:
            compress(world)
        report = world.replace(TOTAL, GAUGE)
        assert report.error is None, report.error
        assert report.rows_written
        assert "rows of bytes_sent, height were taken out" in report.partitions[3].remarks[0]
    # The minutes of live rows belong to an entry now; else nothing differs.
    assert world.own_the_live_minutes()
    assert_same(world, right)


def test_only_the_metric_and_the_window_are_touched(
    world: ReplacedWorld, right: ReplacedWorld
) -> None:
    """
    1. One metric is replaced in a window that cuts hours, entries and days.
    2. Outside of it, and of other metrics, every row and every count of the ledger is as before.
    3. With what lies before and after it, all is right.
    """
    first, last = world.start + 3 * DAY + 7 * HOUR, world.start + 8 * DAY + 90 * MINUTE
    with world.database.connection() as connection:
        outside = (
            "SELECT name, time, tag_id, value FROM internal.prometheus_remote_write"
            " WHERE name <> %s OR time < %s OR time >= %s UNION ALL"
            " SELECT name, time, tag_id, value FROM cumsum.prometheus_remote_write ORDER BY 1, 2, 3"
        )
        before = connection.execute(outside, (GAUGE, first, last)).fetchall()
        replace(world, GAUGE, window=Window(first, last))
        assert connection.execute(outside, (GAUGE, first, last)).fetchall() == before
        counted = connection.execute(
            "SELECT rule_group, sum(rows_source), sum(rows_written + rows_present)"
            " FROM internal.backfill_ledger WHERE record = %s GROUP BY 1 ORDER BY 1",
            (GAUGE,),
        ).fetchall()
    with right.database.connection() as connection:
        assert (
            counted
            == connection.execute(
                "SELECT rule_group, sum(rows_source), sum(rows_source)"
                " FROM internal.backfill_ledger WHERE record = %s GROUP BY 1 ORDER BY 1",
                (GAUGE,),
            ).fetchall()
        )
    replace(world, GAUGE, window=Window(world.start, first))
    replace(world, GAUGE, TOTAL, window=Window(last, world.now + DAY))
    replace(world, TOTAL, window=Window(world.start, last))
    world.own_the_live_minutes()
    assert_same(world, right)


def test_what_is_left_of_two_rules_of_a_record_promises_no_row_that_is_not_there(
    world: ReplacedWorld,
) -> None:
    """Each had three rows in four hours; three of the six lie before the cut."""
    first = world.start + 2 * DAY
    with world.database.connection() as connection:
        for record in ("twin", "twin#2"):
            connection.execute(
                "INSERT INTO internal.backfill_ledger (rule_group, rule, record, step,"
                " window_start, window_end, series, rows_source, rows_written, rows_present,"
                " samples_dropped, run_id, verified_at)"
                " VALUES ('backfill_1y', %s, %s, '1 hour', %s, %s, 1, 3, 3, 0, 0, '', now())",
                (record, record, first, first + 4 * HOUR),
            )
        put(
            world.database,
            [(first + n * HOUR, key, "twin", "common", 1) for n, key in TWINS],
        )
        cut = {"names": ["twin"], "start": first + 2 * HOUR, "end": first + 4 * HOUR}
        connection.execute(query("cut_ledger"), cut)
        assert connection.execute(
            "SELECT sum(rows_source), sum(rows_written), sum(rows_present)"
            " FROM internal.backfill_ledger WHERE record LIKE 'twin%'"
        ).fetchone() == (2, 2, 0)


def test_a_source_that_has_less_by_now_takes_nothing_away(world: ReplacedWorld) -> None:
    world.history_from = world.start + 2 * DAY + HOUR
    before = world.contents()
    report = world.replace(GAUGE, window=Window(world.start, world.start + 3 * DAY))
    assert isinstance(report.error, LossRefused)
    assert "3 of 10 partitions stay as they are" in str(report.error)
    assert "'height' is stored at 24 instants" in str(report.error)
    assert "the source answers 0, so 24 would be left without a row" in str(report.error)
    assert "the source answers 92, so 4 would be left without a row" in str(report.error)
    assert world.contents() == before
    # The next window is done nevertheless.
    report = world.replace(GAUGE)
    assert [part.complete for part in report.partitions] == [False] * 3 + [True] * 7
    report = world.replace(GAUGE, accept_loss=True)
    assert report.error is None
    assert "for 24 instants none came back, as was asked for" in report.partitions[0].remarks[0]
    with world.database.connection() as connection:
        (oldest,) = connection.execute(
            "SELECT min(time) FROM internal.prometheus_remote_write WHERE name = %s", (GAUGE,)
        ).fetchone() or (None,)
        assert oldest == world.history_from
        # Not taken for done: asked for again when the source has it back.
        assert connection.execute(
            "SELECT count(*) FROM internal.backfill_ledger WHERE record = %s AND window_start < %s",
            (GAUGE, world.start + 2 * DAY),
        ).fetchone() == (0,)


def test_live_rows_that_come_meanwhile_count_once(world: ReplacedWorld) -> None:
    """
    1. While a total is replaced, live rows of the mended rule come, late ones and new ones.
    2. Afterwards rows of the wrong rule come that somebody had held up.
    3. Each minute counts once, with the value of the right rule.
    """
    last = world.now - MINUTE
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(replace, world, TOTAL) for _ in range(2)]
        jobs += [
            pool.submit(world.send_live, world.now - k * MINUTE, last) for k in range(60, 0, -5)
        ]
        for job in jobs:
            job.result(timeout=60)
    replace(world, TOTAL)
    world.send_live(world.live_since, last)
    world.send_live(world.live_since, last, host="elsewhere")
    assert world.total(last) == world.expected_total(last)
    with world.database.connection() as connection:
        (start,) = connection.execute(
            "SELECT starts_at FROM internal.live_start WHERE name = %s", (TOTAL,)
        ).fetchone() or (None,)
        assert start == world.live_since
    world.send_live(world.now, world.now)
    assert world.total(world.now) > world.total(last)


def test_rows_under_two_hosts_are_made_one(world: ReplacedWorld, right: ReplacedWorld) -> None:
    world.send_live(world.live_since, world.now - MINUTE, host="elsewhere")
    replace(world, TOTAL, GAUGE)
    world.own_the_live_minutes()
    with world.database.connection() as connection:
        # The metric that nobody replaced.
        connection.execute(
            "DELETE FROM internal.prometheus_remote_write r USING"
            " internal.prometheus_remote_write_tag t"
            " WHERE t.tag_id = r.tag_id AND t.host = 'elsewhere' AND r.name = %s",
            (OTHER,),
        )
    assert_same(world, right)


def test_what_a_run_or_a_replay_left_open_is_closed(
    world: ReplacedWorld, right: ReplacedWorld
) -> None:
    with world.database.connection() as connection:
        connection.execute(
            "UPDATE internal.backfill_ledger SET verified_at = NULL WHERE record <> %s", (OTHER,)
        )
        connection.execute("DELETE FROM cumsum.prometheus_remote_write WHERE value::int % 3 = 0")
    replace(world, TOTAL, GAUGE)
    world.own_the_live_minutes()
    assert_same(world, right)


def test_rows_that_were_held_up_before_the_live_start(world: ReplacedWorld) -> None:
    """A gauge's are done again by the minute; a total's are for the ordinary backfill first."""
    first = world.start + 8 * DAY + 5 * MINUTE
    world.send_live(first, first + 5 * MINUTE)
    replace(world, GAUGE)
    with world.database.connection() as connection:
        assert connection.execute(
            "SELECT count(*), max(value) < 10^9 FROM internal.prometheus_remote_write"
            " WHERE name = %s AND time >= %s AND time <= %s",
            (GAUGE, first, first + 5 * MINUTE),
        ).fetchone() == (12, True)
        connection.execute(
            "DELETE FROM internal.backfill_ledger"
            " WHERE record = %s AND window_start <= %s AND window_end > %s",
            (TOTAL, first, first),
        )
    report = world.replace(TOTAL)
    assert isinstance(report.error, InputError)
    assert "run the ordinary backfill" in str(report.error)


def test_requests_that_make_no_sense(world: ReplacedWorld) -> None:
    engine = world.replacing()
    for only, wanted in (
        (Only(), "name them in `records`"),
        (Only(records=frozenset({"heigth"})), "wanted one of bytes_sent, depth, height"),
    ):
        with pytest.raises(InputError, match=wanted):
            engine.run("live", world.days, now=world.now, only=only)
    with pytest.raises(InputError, match="no rule group 'forever'"):
        engine.run("forever", world.days, now=world.now, only=Only())


@pytest.mark.timeout(300)
def test_a_kill_at_any_moment_loses_nothing(
    world: ReplacedWorld, right: ReplacedWorld, cluster: Cluster
) -> None:
    """
    1. A worker that replaces everything is killed with SIGKILL after a random part of a second.
    2. Each time every instant has its rows, of one rule or of the other.
    3. The last worker may end: then all is as if the rule had always been right.
    """
    chance = random.Random(20261123)
    command = [sys.executable, "-m", "tests.integration.replace_worker"]
    arguments = [world.database.url, world.now.isoformat()]
    instants = (
        "SELECT count(DISTINCT (name, time)) FROM (SELECT name, time FROM"
        " internal.prometheus_remote_write UNION ALL SELECT name, time FROM"
        " cumsum.prometheus_remote_write) r"
    )
    with world.database.connection() as connection:
        before = connection.execute(instants).fetchone()
    kills = 0
    while kills < KILLS[cluster.engine]:
        with subprocess.Popen(
            [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            try:
                # Not a wait for anything: the moment of the kill is what is varied.
                assert process.wait(timeout=chance.uniform(0, 0.6)) == 0
            except subprocess.TimeoutExpired:
                kills += 1
            process.kill()
        with world.database.connection() as connection:
            assert connection.execute(instants).fetchone() == before
    subprocess.run([*command, *arguments], cwd=ROOT, check=True, timeout=120, capture_output=True)
    world.own_the_live_minutes()
    assert_same(world, right)
