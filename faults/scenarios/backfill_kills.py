"""SIGKILL of the run, or of PostgreSQL, in mid backfill and in mid refresh."""

from __future__ import annotations

import random
import time

from faults.fault import BOTH, Fault, Try
from faults.phases import IDLE, phase
from faults.workers import Worker, seconds_of, worker
from faults.world import World

BACKFILL, REFRESH = "backfill", "refresh"
DONE = "done before"


def run_killed(world: World, rng: random.Random) -> Try:
    """Kill a process that backfills; do the same work again, as a retried run does."""
    return _killed(world, rng, BACKFILL, server=False)


def refresh_killed(world: World, rng: random.Random) -> Try:
    """Kill a process that refreshes; refresh again what is still noted."""
    return _killed(world, rng, REFRESH, server=False)


def server_killed(world: World, rng: random.Random) -> Try:
    """Kill the server while a process backfills, which fails; start both again."""
    return _killed(world, rng, BACKFILL, server=True)


def server_killed_in_a_refresh(world: World, rng: random.Random) -> Try:
    """Kill the server while a process refreshes, which fails; start both again."""
    return _killed(world, rng, REFRESH, server=True)


def server_killed_and_back(world: World, rng: random.Random) -> Try:
    """Kill the server and start it at once: the run that goes on must end well by itself."""
    most = seconds_of(world, BACKFILL)
    url = world.new_database()
    with worker(world) as process:
        process.begin(BACKFILL, url, rng.randrange(10**9))
        struck = _struck(world, rng, process, most)
        world.postgres.kill()
        began = time.monotonic()
        world.postgres.start()
        if struck != DONE and not process.ended(60):
            raise RuntimeError("the run did not survive a restart of its server")
    world.refresh()
    seconds = time.monotonic() - began
    return Try.of(world.compare(aggregates=True), seconds, struck)


def _killed(world: World, rng: random.Random, what: str, *, server: bool) -> Try:
    most = seconds_of(world, what)
    url = world.new_database()
    if what == REFRESH:
        world.finish()
    with worker(world) as process:
        process.begin(what, url, rng.randrange(10**9))
        struck = _struck(world, rng, process, most)
        if server:
            world.postgres.kill()
        process.kill()
    began = time.monotonic()
    world.postgres.start()
    world.finish()
    world.refresh()
    seconds = time.monotonic() - began
    return Try.of(world.compare(aggregates=True), seconds, struck)


def _struck(world: World, rng: random.Random, process: Worker, most: float) -> str:
    """Return at a random moment, with what is going on then."""
    if process.ended(rng.uniform(0, most)):
        return DONE
    with world.postgres.admin(world.database_url.rsplit("/", 1)[1]) as connection:
        found = phase(connection)
        # Most of the time Python is at work; every other try waits for a transaction instead.
        deadline = time.monotonic() + rng.choice((0, most / 2))
        while found == IDLE and time.monotonic() < deadline:
            if process.ended(0.001):
                return DONE
            found = phase(connection)
    return found


FAULTS = (
    Fault(
        "kill-run",
        "SIGKILL of a run in mid backfill; the run is tried again",
        BOTH,
        {"short": 2, "long": 80},
        (),
        run_killed,
    ),
    Fault(
        "kill-refresh",
        "SIGKILL of a run that refreshes aggregates; the run is tried again",
        BOTH,
        {"short": 1, "long": 20},
        (),
        refresh_killed,
    ),
    Fault(
        "kill-postgresql",
        "SIGKILL of the server and its processes in mid backfill; the failed run is tried again",
        BOTH,
        {"short": 1, "long": 40},
        (),
        server_killed,
    ),
    Fault(
        "kill-postgresql-run-goes-on",
        "the same, but the server is back before the run has given up",
        BOTH,
        {"short": 1, "long": 20},
        (),
        server_killed_and_back,
    ),
    Fault(
        "kill-postgresql-refresh",
        "SIGKILL of the server and all its processes while aggregates are refreshed",
        BOTH,
        {"short": 1, "long": 10},
        (),
        server_killed_in_a_refresh,
    ),
)
