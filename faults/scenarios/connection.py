"""The connection to PostgreSQL ends, hangs or is forgotten, at any moment."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg

from faults.fault import Fault, Try
from faults.proxy import How, TcpProxy, Trap
from faults.statements import statement
from faults.trying import BOTH, expect_none, judged, lock_waits, run
from faults.world import World

_TRIES = {"short": 1, "long": 20}
# The short form leaves out what it has near relatives of, or what a test of its own tries.
_LONG = {"short": 0, "long": 20}
_COPY, _COMMIT = b"COPY ", b"COMMIT\0"


@contextmanager
def _proxied(world: World) -> Iterator[tuple[TcpProxy, str]]:
    world.new_database()
    with TcpProxy("127.0.0.1", world.postgres.port).running() as proxy:
        yield proxy, proxy.through(world.database_url)


def _trapped(choose: Callable[[random.Random], Trap]) -> Callable[[World, random.Random], Try]:
    """Return a try whose connection ends where the trap says; it must heal within the run."""

    def attempt(world: World, chance: random.Random) -> Try:
        trap = choose(chance)
        with _proxied(world) as (proxy, url):
            proxy.arm(trap)
            with world.backfill(url=url, instants_per_unit=24) as backfill:
                expect_none(run(backfill, world))
            if not proxy.sprung:
                raise AssertionError(f"{trap} did not strike")
            return judged(world, proxy.sprung_at, f"{trap.how} after {trap.more} bytes")

    return attempt


def _how(chance: random.Random) -> How:
    return chance.choice(("reset", "close"))


def _mid_copy(chance: random.Random) -> Trap:
    return Trap((_COPY, b"FROM STDIN"), chance.randrange(3_000), _how(chance))


def _anywhere(chance: random.Random) -> Trap:
    # Each connection begins with the user's name.
    return Trap((b"user\0",), chance.randrange(8_000), _how(chance))


def _commit(chance: random.Random) -> Trap:
    return Trap((_COPY, _COMMIT), how=_how(chance), lose_answer=True)


def _verification(chance: random.Random) -> Trap:
    return Trap((_COPY, _COMMIT), chance.randrange(1, 1_500), _how(chance))


def _until_more_wait(world: World, than: int) -> None:
    world.until(lambda: lock_waits(world) > than, 30, "the backfill waits")


def _lock_wait(world: World, chance: random.Random) -> Try:
    """
    1. Another session holds the lock of running totals; the backfill waits for it.
    2. The connection ends; the backfill comes back and waits again.
    3. The other session lets go.
    """
    with _proxied(world) as (proxy, url), ThreadPoolExecutor(1) as pool:
        with psycopg.connect(world.database_url) as holder:
            holder.execute(statement("lock_totals"))
            with world.backfill(url=url) as backfill:
                running = pool.submit(run, backfill, world)
                # A session that waits for a lock does not look whether its client is there.
                for cuts in range(2):
                    _until_more_wait(world, cuts)
                    proxy.cut(_how(chance))
                _until_more_wait(world, 2)
                holder.rollback()
                began = time.monotonic()
                expect_none(running.result(60))
        return judged(world, began, "cut twice")


def _forgotten(world: World, chance: random.Random) -> Try:
    """The server hears of the end a second later, and keeps locks and rows until then."""
    with _proxied(world) as (proxy, url), ThreadPoolExecutor(1) as pool:
        more = chance.randrange(2_000)
        proxy.arm(Trap((_COPY, b"FROM STDIN"), more, forget=True))
        with world.backfill(url=url) as backfill:
            running = pool.submit(run, backfill, world)
            world.until(lambda: proxy.sprung and lock_waits(world), 30, "a second session")
            proxy.remember()
            began = time.monotonic()
            expect_none(running.result(60))
        return judged(world, began, f"after {more} bytes")


def _until_passed(world: World, proxy: TcpProxy, passed: int, running: Future[Any]) -> None:
    world.until(lambda: proxy.passed > passed or running.done(), 30, "some bytes")


def _stalled(world: World, chance: random.Random) -> Try:
    """Nothing passes for a second, somewhere in the work, and then everything."""
    with _proxied(world) as (proxy, url), ThreadPoolExecutor(1) as pool:
        with world.backfill(url=url, instants_per_unit=24) as backfill:
            running = pool.submit(run, backfill, world)
            passed = chance.randrange(30_000)
            _until_passed(world, proxy, passed, running)
            proxy.stall()
            # The silence is the fault.
            time.sleep(1)
            began = time.monotonic()
            proxy.resume()
            expect_none(running.result(60))
        return judged(world, began, f"after {passed} bytes")


def _terminated(world: World, chance: random.Random) -> Try:
    """An administrator ends all sessions, three times."""
    with _proxied(world) as (proxy, url), ThreadPoolExecutor(1) as pool:
        with world.backfill(url=url, instants_per_unit=24) as backfill:
            running = pool.submit(run, backfill, world)
            for _ in range(3):
                _until_passed(world, proxy, proxy.passed + chance.randrange(15_000), running)
                world.postgres.end_sessions()
            began = time.monotonic()
            expect_none(running.result(60))
        return judged(world, began)


FAULTS = [
    Fault(
        "connection-mid-copy",
        "the connection ends in mid-COPY",
        BOTH,
        _TRIES,
        (),
        _trapped(_mid_copy),
    ),
    Fault(
        "connection-anywhere",
        "the connection ends at any byte",
        BOTH,
        _LONG,
        (),
        _trapped(_anywhere),
    ),
    Fault("connection-commit", "the answer to COMMIT is lost", BOTH, _TRIES, (), _trapped(_commit)),
    Fault(
        "connection-verify",
        "the connection ends between commit and verification",
        BOTH,
        _LONG,
        (),
        _trapped(_verification),
    ),
    Fault(
        "connection-lock-wait",
        "the connection ends while it waits for a lock",
        BOTH,
        {"short": 0, "long": 5},
        (),
        _lock_wait,
    ),
    Fault(
        "connection-forgotten",
        "the server does not hear that the client is gone",
        BOTH,
        {"short": 1, "long": 10},
        (),
        _forgotten,
    ),
    Fault(
        "connection-stalled",
        "nothing passes for a second",
        BOTH,
        {"short": 0, "long": 10},
        (),
        _stalled,
    ),
    Fault(
        "connection-terminated",
        "an administrator ends all sessions, three times",
        BOTH,
        {"short": 1, "long": 10},
        (),
        _terminated,
    ),
]
