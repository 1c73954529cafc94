"""SIGKILL of Dagster's processes in the first backfill, which the sensor `history` starts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from faults.dagster_set import DagsterSet, dagster_set
from faults.fault import BOTH, Fault, Try
from faults.oracle import compare
from faults.truth import Part
from faults.waiting import NeverCame
from faults.world import World
from promtsdb_dagster.core.windows import floor
from promtsdb_dagster.localstack.processes import last_words

_DAY = timedelta(days=1)
# From the first run's start on; the runs of this history take about as long.
_SECONDS = 12.0


def daemon_killed(world: World, rng: random.Random) -> Try:
    """Kill the daemon alone: runs that have begun go on, others wait for the next daemon."""

    def kill(dagster: DagsterSet) -> None:
        dagster.kill_daemon()
        dagster.start_daemon()

    return _killed(world, rng, kill)


def all_killed(world: World, rng: random.Random) -> Try:
    """Kill everything of Dagster; what ran is reported as failed at the start, and tried again."""

    def kill(dagster: DagsterSet) -> None:
        dagster.kill_all()
        dagster.start_code()
        dagster.start_daemon()

    return _killed(world, rng, kill)


def _killed(world: World, rng: random.Random, kill: Callable[[DagsterSet], None]) -> Try:
    world.new_database()
    with dagster_set(world) as dagster:
        try:
            world.until(dagster.launched, 120, "a run has begun")
        except NeverCame as error:
            raise NeverCame(f"{error}; {last_words(dagster.log)}") from error
        moment = time.monotonic() + rng.uniform(0, _SECONDS)
        world.until(
            lambda: time.monotonic() > moment or not dagster.unfinished(), 2 * _SECONDS, "a moment"
        )
        struck = f"{dagster.launched()} at work, {dagster.unfinished()} not finished"
        began = time.monotonic()
        kill(dagster)
        parts = _parts(world)
        # Nothing is done here but to look.
        world.until(
            lambda: not dagster.unfinished() and not _lost(world, parts), 240, "all is right"
        )
        seconds = time.monotonic() - began
    world.refresh()
    return Try.of(world.compare(parts, aggregates=True), seconds, struck)


def _parts(world: World) -> list[Part]:
    """Return what the groups have of a history of some days, by the real clock."""
    now = datetime.now(timezone.utc)
    return [
        Part("backfill_forever", world.times.start, floor(now, _DAY)),
        Part("backfill_1w", world.times.start, floor(now, _DAY)),
    ]


def _lost(world: World, parts: list[Part]) -> int:
    return compare(world.database_url, world.truth, parts).lost


FAULTS = (
    Fault(
        "kill-daemon",
        "SIGKILL of the Dagster daemon in the first backfill, and another one started",
        BOTH,
        {"short": 0, "long": 4},
        (),
        daemon_killed,
    ),
    Fault(
        "kill-dagster",
        "SIGKILL of daemon, code server and runs in the first backfill, and all started again",
        BOTH,
        {"short": 0, "long": 6},
        (),
        all_killed,
    ),
)
