"""A dry run says to the row what the real run then does, and leaves no trace in the database."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.dry_run import DryRun
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.planner import Only
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import LossRefused, StoreUnavailable
from tests.fix_postgres import Cluster, ScratchDatabase
from tests.foretelling import assert_true, dry_run, told
from tests.replaced_world import (
    GAUGE,
    HOUR,
    MINUTE,
    ROUTING,
    TOTAL,
    ReplacedWorld,
    filled,
)

GROUPS = ("backfill_forever", "backfill_1y", "backfill_1w", "live")


@pytest.fixture
def world(database: ScratchDatabase) -> ReplacedWorld:
    """Lend a migrated database into which live rows have come, and nothing else."""
    world = ReplacedWorld(database, wrong=False)
    world.policy = Policy(history_start=world.start, instants_per_unit=48)
    with database.connection() as connection:
        connection.execute(
            "INSERT INTO internal.live_start VALUES (%s, 'cumsum', %s)", (TOTAL, world.live_since)
        )
    world.send_live(world.live_since, world.now - MINUTE)
    return world


def estimating(world: ReplacedWorld) -> DryRun:
    return dry_run(world.database, world.source, world.groups, ROUTING, world.policy)


def filling(world: ReplacedWorld) -> Backfill:
    return Backfill(world.source, Writer(world.database), world.groups, ROUTING, world.policy)


def dump(database: ScratchDatabase) -> list[str]:
    """Return everything that is in a database, but what TimescaleDB notes of its own jobs."""
    text = subprocess.run(
        ["pg_dump", "--exclude-table-data=_timescaledb_*.bgw_*", database.url],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    # A word of chance, against what a dump could do to psql.
    return [line for line in text.splitlines() if "restrict " not in line]


def rows_of(world: ReplacedWorld, window: Window) -> int:
    with world.database.connection() as connection:
        row = connection.execute(
            "SELECT count(*) FROM internal.prometheus_remote_write WHERE time >= %s AND time < %s",
            (window.start, window.end),
        ).fetchone()
    assert row
    return int(row[0])


def test_every_group_is_foretold_to_the_row_whatever_is_there(world: ReplacedWorld) -> None:
    """Live rows that differ, rows that are lost, hours that are begun, done and rechecked ones."""
    dry, real = estimating(world), filling(world)
    before = dump(world.database)
    for group in GROUPS:
        dry.fill(group, world.days, now=world.now, recheck=True)
    assert dump(world.database) == before
    for group in GROUPS:
        first = dry.fill(group, world.days[:6], now=world.now)
        assert_true(first, real.run(group, world.days[:6], now=world.now))
    with world.database.connection() as connection:
        # Lost, wrong, and never verified.
        for table in ("internal", "cumsum"):
            connection.execute(
                f"DELETE FROM {table}.prometheus_remote_write"  # noqa: S608
                " WHERE extract(hour FROM time) = 5"
            )
        connection.execute(
            "UPDATE internal.prometheus_remote_write SET value = 1"
            " WHERE extract(hour FROM time) = 7"
        )
        connection.execute(
            "UPDATE cumsum.prometheus_remote_write SET value = 1 WHERE extract(hour FROM time) = 7"
        )
        connection.execute(
            "UPDATE internal.backfill_ledger SET verified_at = NULL WHERE window_start < %s",
            (world.days[1].end,),
        )
    written = 0
    for group in GROUPS:
        for recheck in (False, True):
            second = dry.fill(group, world.days, now=world.now, recheck=recheck)
            done = real.run(group, world.days, now=world.now, recheck=recheck)
            assert_true(second, done)
            written += done.rows_written
    assert written


def test_a_part_of_a_partition_is_foretold(world: ReplacedWorld) -> None:
    day = world.days[-3]
    only = Only((Window(day.start + 3 * HOUR, day.start + 9 * HOUR),), frozenset({GAUGE}))
    estimate = estimating(world).fill("backfill_1w", [day], now=world.now, only=only)
    assert estimate.total(lambda part: part.rows_expected) == 6 * 4 * 2
    assert_true(estimate, filling(world).run("backfill_1w", [day], now=world.now, only=only))


def test_what_is_done_is_counted_by_the_ledger(world: ReplacedWorld) -> None:
    filling(world).run("backfill_1w", world.days[:7], now=world.now)
    world.backfill("backfill_forever")
    estimate = estimating(world).fill("backfill_1w", world.days, now=world.now)
    for part in estimate.partitions[2:7]:
        assert part.report.found_done
        assert (part.rows_done, part.rows_to_fetch) == (4 * 96, 0)
        assert part.rows_done == rows_of(world, part.report.window)
    assert all(not part.rows_done for part in estimate.partitions[7:])
    assert estimate.partitions[7].rows_to_fetch == 4 * 96
    totals = estimating(world).fill("backfill_forever", world.days, now=world.now)
    with world.database.connection() as connection:
        stored = connection.execute(
            "SELECT count(*) FROM cumsum.prometheus_remote_write WHERE time < %s",
            (world.live_since,),
        ).fetchone()
    # One series for the source's two labels, each.
    assert stored == (totals.total(lambda part: part.rows_done),)


def test_the_source_is_asked_no_more_when_its_time_is_over(world: ReplacedWorld) -> None:
    world.policy = Policy(history_start=world.start, instants_per_unit=48, concurrency=1)
    asked = iter([True])
    estimate = estimating(world).fill(
        "backfill_1w", world.days, now=world.now, may_ask=lambda: next(asked, False)
    )
    assert not estimate.is_exact
    report = filling(world).run("backfill_1w", world.days, now=world.now)
    foretold = [told(part.report) for part in estimate.partitions]
    # The instants are known without the source; its rows are as many each day.
    for key in ("rules", "queries", "instants", "left out"):
        assert [each[key] for each in foretold] == [told(part)[key] for part in report.partitions]
    assert estimate.total(lambda part: part.rows_to_fetch) == sum(
        part.rows_written + part.rows_present for part in report.partitions
    )


@pytest.fixture
def wrong(cluster: Cluster) -> Iterator[ReplacedWorld]:
    """Lend a database that a wrong rule filled; the rule is mended."""
    with filled(cluster, wrong=True) as world:
        world.mend()
        yield world


def test_a_replacement_is_foretold_to_the_row(wrong: ReplacedWorld) -> None:
    only = Only((), frozenset({TOTAL}))
    before = dump(wrong.database)
    estimate = estimating(wrong).replace("live", wrong.days, now=wrong.now, only=only)
    assert dump(wrong.database) == before
    assert estimate.total(lambda part: part.report.rows_deleted) > 100
    assert_true(estimate, wrong.replace(TOTAL))


def test_a_loss_is_foretold_with_the_words_of_the_refusal(wrong: ReplacedWorld) -> None:
    wrong.history_from = wrong.days[2].start
    only = Only((), frozenset({GAUGE}))
    estimate = estimating(wrong).replace("live", wrong.days, now=wrong.now, only=only)
    accepted = estimating(wrong).replace(
        "live", wrong.days, now=wrong.now, only=only, accept_loss=True
    )
    report = wrong.replace(GAUGE)
    assert isinstance(report.error, LossRefused)
    assert estimate.refusal == str(report.error)
    assert accepted.total(lambda part: part.report.instants_lost) > 0
    assert_true(accepted, wrong.replace(GAUGE, accept_loss=True))


def test_the_server_itself_refuses_what_would_write(world: ReplacedWorld) -> None:
    read_only = ScratchDatabase(world.database.url, read_only=True)
    with pytest.raises(StoreUnavailable, match="read-only"), read_only.connection() as connection:
        connection.execute("DELETE FROM internal.backfill_ledger")
