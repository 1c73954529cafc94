"""Processes that backfill, to be killed at a moment of somebody's choice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from select import select

from faults.world import World
from promtsdb_dagster.settings import ROOT


@dataclass(frozen=True)
class Worker:
    """A process that is ready for one job; `log` is not kept."""

    process: subprocess.Popen[str]

    def begin(self, url: str, seed: int) -> None:
        """Have it do all partitions in an order of this seed."""
        assert self.process.stdin is not None  # noqa: S101
        self.process.stdin.write(f"{url} {seed}\n")
        self.process.stdin.flush()

    def ended(self, seconds: float) -> bool:
        """Wait so long; say whether it is done, or has died."""
        assert self.process.stdout is not None  # noqa: S101
        readable, _, _ = select([self.process.stdout], [], [], seconds)
        return bool(readable)

    def kill(self) -> None:
        """Kill it with SIGKILL and wait until it is gone."""
        self.process.kill()
        self.process.wait()


@contextmanager
def worker(world: World) -> Iterator[Worker]:
    """Lend a process that has imported everything; it is killed at the end."""
    times = world.times
    moments = (times.start, times.boundary, times.midnight, times.now)
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "faults.worker", world.prometheus.url),
            *(moment.isoformat() for moment in moments),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("a worker did not start; run python -m faults.worker by hand")
            yield Worker(process)
        finally:
            process.kill()
