"""More than one of something at once: daemons, migrators."""

from __future__ import annotations

import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from faults.fault import Fault, Try
from faults.trying import BOTH, NotRight, judged, some_work
from faults.workers import worker
from faults.world import World
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.settings import load_settings

_MIGRATORS, _GOLANG = 20, 4


def _two(world: World, chance: random.Random) -> Try:
    """Two processes do all partitions at once, each in an order of its own."""
    url = world.new_database()
    with worker(world) as one, worker(world) as other:
        for each in (one, other):
            each.begin("backfill", url, chance.randrange(10**9))
        for each in (one, other):
            if not each.ended(120):
                raise NotRight("a process is not done after 120 s, or failed beside another one")
        began = time.monotonic()
    world.refresh()
    return judged(world, began, parts=world.parts(), aggregates=True)


def _migrators(world: World, chance: random.Random) -> Try:
    """Twenty migrators of ours begin at once, on TimescaleDB with golang-migrate among them."""
    del chance
    url = world.new_database(empty=True)
    sql_dir = load_settings().sql_dir
    files = load_migrations(sql_dir)
    program = find_program("migrate") if world.engine == "timescaledb" else None

    def ours(_: int) -> int:
        with Database(url) as database:
            return len(Migrator(database, files).up())

    def theirs(_: int) -> int:
        assert program is not None  # noqa: S101
        command = [str(program), "-path", str(sql_dir / "migrations"), "-lock-timeout", "60"]
        done = subprocess.run(
            [*command, "-database", f"{url}?sslmode=disable", "up"],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        if done.returncode:
            raise NotRight(f"golang-migrate failed: {done.stderr[-300:]}")
        return done.stderr.count("/u ")

    with ThreadPoolExecutor(_MIGRATORS + _GOLANG) as pool:
        migrators = pool.map(ours, range(_MIGRATORS))
        golang = pool.map(theirs, range(_GOLANG if program else 0))
        by_us, by_them = sum(migrators), sum(golang)
    began = time.monotonic()
    with Database(url) as database:
        status = Migrator(database, files).status()
    if status.pending or status.dirty or by_us + by_them != len(files):
        raise NotRight(f"{status}; applied {by_us} by us and {by_them} by golang-migrate")
    world.finish(some_work(world))
    return judged(world, began, f"{by_us} by us, {by_them} by golang-migrate")


FAULTS = [
    Fault(
        "two-daemons", "two processes do the same at once", BOTH, {"short": 1, "long": 10}, (), _two
    ),
    Fault(
        "migrators",
        f"{_MIGRATORS} migrators and golang-migrate begin at once",
        BOTH,
        {"short": 1, "long": 5},
        (),
        _migrators,
    ),
]
