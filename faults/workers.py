"""Processes that backfill or refresh, to be killed at a moment of somebody's choice."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from select import select

from faults.world import World
from promtsdb_dagster.settings import ROOT


@dataclass(frozen=True)
class Worker:
    """A process that does one job after the other."""

    process: subprocess.Popen[str]

    def begin(self, what: str, url: str, seed: int) -> None:
        """Have it `backfill` or `refresh` everything, in an order of this seed."""
        assert self.process.stdin is not None  # noqa: S101
        self.process.stdin.write(f"{what} {url} {seed}\n")
        self.process.stdin.flush()

    def ended(self, seconds: float) -> bool:
        """Wait so long at most; say whether it is done, or has died."""
        assert self.process.stdout is not None  # noqa: S101
        readable, _, _ = select([self.process.stdout], [], [], seconds)
        return bool(readable) and bool(self.process.stdout.readline())

    def kill(self) -> None:
        """Kill it with SIGKILL and wait until it is gone."""
        self.process.kill()
        self.process.wait()


@contextmanager
def worker(world: World) -> Iterator[Worker]:
    """Lend a process that has imported everything; it is killed at the end.

    The next one starts meanwhile.
    """
    process = world.spare or _started(world)
    world.spare = None
    try:
        assert process.stdout is not None  # noqa: S101
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("a worker did not start; run python -m faults.worker by hand")
        yield Worker(process)
    finally:
        _end(process)
        # Of two that were lent at once, the other may have left one already.
        world.spare = world.spare or _started(world)


def seconds_of(world: World, what: str) -> float:
    """Return what a job takes that nobody disturbs, measured once."""
    if what not in world.measured:
        url = world.new_database()
        if what == "refresh":
            world.finish()
        with worker(world) as process:
            began = time.monotonic()
            process.begin(what, url, 0)
            if not process.ended(60):
                raise RuntimeError(f"a {what} did not end; wanted it within 60 s")
            world.measured[what] = time.monotonic() - began
    return world.measured[what]


def end_spare(world: World) -> None:
    """End the process that waits; safe to repeat."""
    if world.spare:
        _end(world.spare)
        world.spare = None


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    # Also closes the pipes.
    process.communicate()


def _started(world: World) -> subprocess.Popen[str]:
    times = world.times
    moments = (times.start, times.boundary, times.midnight, times.now)
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "faults.worker", world.prometheus.url),
            *(moment.isoformat() for moment in moments),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
