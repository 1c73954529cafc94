"""SIGKILL of PostgreSQL, the postmaster and all its children, in mid backfill."""

from __future__ import annotations

import random
import time

from faults.fault import Fault, Try
from faults.workers import worker
from faults.world import World


def killed_in_a_backfill(world: World, rng: random.Random) -> Try:
    """Kill the server while a process backfills; start it; do the same work again."""
    url = world.new_database()
    with worker(world) as process:
        process.begin(url, rng.randrange(10**9))
        after = rng.uniform(0, 1.5)
        process.ended(after)
        world.postgres.kill()
        process.kill()
    began = time.monotonic()
    world.postgres.start()
    world.finish()
    world.refresh()
    seconds = time.monotonic() - began
    found = world.compare(aggregates=True)
    return Try(found.lost, found.doubled, found.wrong, seconds, f"after {after:.2f} s")


FAULTS = (
    Fault(
        "postgresql killed",
        "SIGKILL of the postmaster and all its children in mid backfill",
        ("postgresql", "timescaledb"),
        {"short": 2, "long": 60},
        (),
        killed_in_a_backfill,
    ),
)
