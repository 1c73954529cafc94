"""TimescaleDB compresses and drops chunks beside backfills and refreshes."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg

from faults.fault import Fault, Try
from faults.statements import statement
from faults.trying import DAY, NotRight, ask, expect_none, judged, lock_waits, run
from faults.world import World
from promtsdb_dagster.adapters.aggregates import Aggregates
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.core.windows import Window

_ENGINE = ("timescaledb",)


def _do(world: World, name: str) -> None:
    with psycopg.connect(world.admin_url(), autocommit=True) as connection:
        connection.execute(statement(name))


def _beside(world: World, chance: random.Random) -> Try:
    """A compression of all chunks begins, and begins again, while units are written."""
    world.new_database()
    with world.backfill(instants_per_unit=24) as backfill, ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, backfill, world, world.work())
        # The moment is what is varied.
        time.sleep(chance.uniform(0, 0.3))
        compressed = ended = 0
        while not running.done():
            try:
                _do(world, "compress_all")
                compressed += 1
            except psycopg.errors.DeadlockDetected:
                # As the policy's job would be, to be run again.
                ended += 1
        began = time.monotonic()
        expect_none(running.result(60))
    world.refresh()
    return judged(
        world,
        began,
        f"compressed {compressed} times, {ended} gave way",
        parts=world.parts(),
        aggregates=True,
    )


def _waiting(world: World, chance: random.Random) -> Try:
    """A compression holds the chunks while a backfill waits to write into them."""
    world.new_database()
    work = world.work()
    chance.shuffle(work)
    half = chance.randrange(1, len(work))
    with (
        world.backfill() as backfill,
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(world.admin_url()) as compressing,
    ):
        expect_none(run(backfill, world, work[:half]))
        compressing.execute(statement("compress_all"))
        running = pool.submit(run, backfill, world, work[half:])
        world.until(lambda: lock_waits(world) or running.done(), 30, "the backfill waits")
        compressing.commit()
        began = time.monotonic()
        expect_none(running.result(60))
    world.refresh()
    return judged(world, began, f"after {half} of 6", parts=world.parts(), aggregates=True)


def _into_compressed(world: World, chance: random.Random) -> Try:
    """Everything that is stored is compressed before each partition, in any order."""
    world.new_database()
    work = world.work()
    chance.shuffle(work)
    with world.backfill() as backfill:
        for one in work:
            expect_none(run(backfill, world, [one]))
            _do(world, "compress_all")
        began = time.monotonic()
        expect_none(run(backfill, world, work))
    world.refresh()
    return judged(world, began, parts=world.parts(), aggregates=True)


def _dropped(world: World, chance: random.Random) -> Try:
    """
    1. Old rows are stored and refreshed, in a chunk of their own; then they change.
    2. A refresh waits for the tags; meanwhile retention drops the chunk, or waits to do so.
    3. No bucket may go, neither of what was dropped nor of the rest.
    """
    del chance
    world.new_database()
    world.finish()
    _do(world, "insert_old")
    _refresh_mainnet(world)
    before = ask(world.admin_url(), statement("count_old_buckets"))
    _do(world, "change_old")
    with ThreadPoolExecutor(2) as pool, psycopg.connect(world.admin_url()) as holding:
        holding.execute(statement("lock_tags"))
        refreshing = pool.submit(_refresh_mainnet, world)
        world.until(lambda: lock_waits(world) or refreshing.done(), 30, "the refresh waits")
        dropping = pool.submit(_do, world, "drop_old")
        world.until(lambda: lock_waits(world) > 1 or dropping.done(), 30, "the drop is tried")
        holding.rollback()
        began = time.monotonic()
        refreshing.result(60)
        dropping.result(60)
    _refresh_mainnet(world)
    after = ask(world.admin_url(), statement("count_old_buckets"))
    tried = judged(world, began, f"{before[0][0]} old buckets", parts=world.parts())
    if after != before or before == [(0,)]:
        raise NotRight(f"{after} old buckets are left of {before}")
    return tried


def _refresh_mainnet(world: World) -> None:
    whole = Window(world.times.start - 90 * DAY, world.times.midnight + DAY)
    with Database(world.database_url) as database:
        Aggregates(database).refresh("internal.prometheus_mainnet_1m", whole)


FAULTS = [
    Fault(
        "timescaledb-compression-beside",
        "all chunks are compressed during a backfill",
        _ENGINE,
        {"short": 1, "long": 10},
        (),
        _beside,
    ),
    Fault(
        "timescaledb-compression-before",
        "a backfill waits for the compression of a chunk",
        _ENGINE,
        {"short": 0, "long": 10},
        (),
        _waiting,
    ),
    Fault(
        "timescaledb-compressed",
        "a backfill writes into compressed chunks",
        _ENGINE,
        {"short": 0, "long": 10},
        (),
        _into_compressed,
    ),
    Fault(
        "timescaledb-retention",
        "retention drops a chunk during a refresh",
        _ENGINE,
        {"short": 1, "long": 5},
        (),
        _dropped,
    ),
]
