"""PostgreSQL refuses, gives up, fills up, or is not what it was."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import stamina
from psycopg import sql

from faults.disk import small_disk
from faults.fault import Fault, Try
from faults.statements import statement
from faults.trying import (
    AGAIN,
    BOTH,
    expect,
    expect_none,
    half_way,
    judged,
    lock_waits,
    run,
    some_parts,
    some_work,
)
from faults.world import World
from promtsdb_dagster.adapters.migrations import load_migrations
from promtsdb_dagster.errors import StoreError, StoreUnavailable, UnknownVersion
from promtsdb_dagster.settings import load_settings

_TRIES = {"short": 1, "long": 10}
# The short form leaves out what it has near relatives of, or what a test of its own tries.
_LONG = {"short": 0, "long": 10}


@contextmanager
def _set(world: World, name: str, value: str) -> Iterator[None]:
    """Have a setting in every new session of the try's database, until the end of the block."""
    database = sql.Identifier(world.database_url.rsplit("/", 1)[1])
    with world.postgres.admin() as admin:
        change = sql.SQL("ALTER DATABASE {} SET {} = {}")
        admin.execute(change.format(database, sql.Identifier(name), sql.Literal(value)))
        yield
        admin.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(database))


def _refused(
    name: str, values: tuple[str, ...], says: str = ""
) -> Callable[[World, random.Random], Try]:
    """Return a try with a setting that no run can live with; without it, the next is right."""

    def attempt(world: World, chance: random.Random) -> Try:
        world.new_database()
        value = chance.choice(values)
        with world.backfill() as backfill:
            with _set(world, name, value), stamina.set_testing(True, attempts=2):
                errors = run(backfill, world)
            if says:
                expect(errors, StoreUnavailable, says)
            before = half_way(world)
            began = time.monotonic()
            expect_none(run(backfill, world))
        return judged(world, began, f"{name} {value}", before=before)

    return attempt


def _lock_timeout(world: World, chance: random.Random) -> Try:
    """Somebody holds the lock of running totals for longer than the server lets us wait."""
    world.new_database()
    with world.backfill() as backfill:
        with (
            _set(world, "lock_timeout", f"{chance.randrange(10, 200)}ms"),
            stamina.set_testing(True, attempts=2),
            psycopg.connect(world.database_url) as holder,
        ):
            holder.execute(statement("lock_totals"))
            expect(run(backfill, world, some_work(world)[:1]), StoreUnavailable, "lock timeout")
        before = half_way(world)
        began = time.monotonic()
        expect_none(run(backfill, world))
    return judged(world, began, before=before)


def _deadlock(world: World, chance: random.Random) -> Try:
    """
    1. A live writer has stored a row that the backfill is about to store.
    2. The backfill waits for it in its COPY.
    3. The live writer asks for what the backfill holds; the server ends one of them.
    """
    world.new_database()
    gauges = {key: v for key, v in world.truth.rows(some_parts(world)).values.items()
              if key[3] != "cumsum"}  # fmt: skip
    row = chance.choice(sorted(gauges))
    group, window = some_work(world)[1]
    with psycopg.connect(world.database_url) as live, ThreadPoolExecutor(1) as pool:
        # Its chunk is there: to make it, TimescaleDB would lock out the backfill altogether.
        live.execute(statement("insert_live"), [*row, gauges[row]])
        live.execute(statement("delete_live"))
        live.commit()
        live.execute(statement("insert_live"), [*row, gauges[row]])
        with world.backfill() as backfill:
            running = pool.submit(run, backfill, world)
            world.until(lambda: lock_waits(world), 30, "the backfill waits for the row")
            lost = False
            try:
                live.execute(statement("lock_partition"), [f"{group} {window.start.isoformat()}"])
                live.commit()
            except psycopg.errors.DeadlockDetected:
                live.rollback()
                lost = True
            began = time.monotonic()
            expect_none(running.result(60))
    tried = judged(world, began, f"the {'live writer' if lost else 'backfill'} was ended")
    # Sessions report what they counted when they have time.
    world.until(lambda: _ask(world, "count_deadlocks") != [(0,)], 20, "a deadlock is counted")
    return tried


def _full(world: World, chance: random.Random) -> Try:
    """The file system of the metrics is full; then somebody makes room."""
    world.new_database()
    with small_disk(world) as disk:
        disk.fill(leave=chance.randrange(16, 400) * 1024)
        with world.backfill() as backfill:
            expect(run(backfill, world, some_work(world)[1:]), StoreError, "no room left")
            before = half_way(world)
            disk.free()
            began = time.monotonic()
            expect_none(run(backfill, world))
        tried = judged(world, began, disk.how, before=before)
        world.new_database()
    return tried


def _restart(world: World, chance: random.Random) -> Try:
    """The server is restarted in order in the middle of a run."""
    world.new_database()
    with world.backfill(instants_per_unit=24) as backfill, ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, backfill, world)
        # The moment is what is varied.
        time.sleep(chance.uniform(0, 0.4))
        world.postgres.stop()
        world.postgres.start()
        began = time.monotonic()
        errors = running.result(60)
        if errors:
            raise errors[0]
    return judged(world, began)


def _newer(world: World, chance: random.Random) -> Try:
    """Newer code has migrated the database in the middle; older code must write nothing more."""
    del chance
    world.new_database()
    version = len(load_migrations(load_settings().sql_dir))
    with world.backfill(newest=version) as backfill:
        expect_none(run(backfill, world, some_work(world)[:1]))
    done = _ask(world, "count_all")
    _ask(world, "set_version", version + 1)
    with world.backfill(newest=version) as backfill:
        expect(run(backfill, world), UnknownVersion, "run the code that made it, or newer code")
    if _ask(world, "count_all") != done:
        raise AssertionError("older code wrote to a newer schema")
    _ask(world, "set_version", version)
    began = time.monotonic()
    with world.backfill() as backfill:
        expect_none(run(backfill, world))
    return judged(world, began)


def _ask(world: World, name: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(world.admin_url(), autocommit=True) as connection:
        return connection.execute(statement(name), values or None).fetchall()


_IDLE = "idle_in_transaction_session_timeout"
FAULTS = [
    Fault(
        "database-statement-timeout",
        "statements are ended after some milliseconds",
        BOTH,
        _LONG,
        (),
        _refused("statement_timeout", ("1ms", "2ms", "5ms")),
        AGAIN,
    ),
    Fault(
        "database-idle-timeout",
        "sessions are ended that idle in a transaction",
        BOTH,
        _LONG,
        (),
        _refused(_IDLE, ("1ms", "2ms")),
        AGAIN,
    ),
    Fault(
        "database-read-only",
        "the server takes no writes, as after a failover",
        BOTH,
        _LONG,
        (),
        _refused("default_transaction_read_only", ("on",), "is read-only"),
        AGAIN,
    ),
    Fault(
        "database-lock-timeout",
        "a lock is held for longer than the server allows",
        BOTH,
        _LONG,
        (),
        _lock_timeout,
        AGAIN,
    ),
    Fault(
        "database-deadlock",
        "a live writer and a backfill wait for each other",
        BOTH,
        {"short": 1, "long": 5},
        (),
        _deadlock,
    ),
    Fault(
        "database-disk-full",
        "the file system of the metrics is full",
        BOTH,
        {"short": 1, "long": 5},
        (),
        _full,
        f"freeing space and {AGAIN}",
    ),
    Fault(
        "database-restart", "the server is restarted", BOTH, {"short": 1, "long": 10}, (), _restart
    ),
    Fault(
        "database-newer-schema",
        "newer code migrates the database",
        BOTH,
        _LONG,
        (),
        _newer,
        "running the newer code",
    ),
]
