"""Live rows as they come: vmalert evaluates, Telegraf takes, the check compares and repairs.

Nobody waits for an hour of minutes: vmalert sends them by the replay of the same rules, and the
first live instant is noted as its trigger did at that time.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread

from faults.statements import statement
from faults.truth import Part
from faults.waiting import NeverCame, until
from faults.world import HOUR, MINUTE, RULES, World
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.live_rows import LiveRows
from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.adapters.replay import ReplayCommand
from promtsdb_dagster.adapters.rulefiles import load_groups, load_routing
from promtsdb_dagster.core.live_check import LiveCheck, LiveReport
from promtsdb_dagster.core.plan import LIVE, Policy
from promtsdb_dagster.core.planner import Only
from promtsdb_dagster.core.replaying import Job
from promtsdb_dagster.core.windows import Window, split
from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.vmalert import vmalert_program
from tests.fix_telegraf import (
    OUTPUTS,
    PASSWORD,
    USERNAME,
    Telegraf,
    as_role,
    make_service_roles,
)

_ROLE_PASSWORD = "of the fault suite"  # noqa: S105
_VMALERT_SECONDS = 60.0
# Of the 51 minutes that are sent: so many vmalerts come one after the other.
_PIECE = timedelta(minutes=10)


@dataclass(frozen=True)
class Minutes:
    """When live rows begin, and the end, exclusive, of those that must have come by now."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, world: World) -> Minutes:
        """Return some minutes after midnight and the last one that the check asks for."""
        settled = world.times.now.replace(second=0)
        return cls(world.times.midnight + 17 * MINUTE, settled - MINUTE)


@contextmanager
def running_telegraf(world: World) -> Iterator[Telegraf]:
    """Lend a Telegraf on the try's database, with the login and the rights of production."""
    make_service_roles(world.database_url, _ROLE_PASSWORD, _ROLE_PASSWORD)
    program = find_program("telegraf")
    assert program is not None  # noqa: S101
    url = as_role(world.database_url, "telegraf", _ROLE_PASSWORD.replace(" ", "%20"))
    with tempfile.TemporaryDirectory(dir=world.folder) as folder:
        service = Telegraf(Path(folder), program, url)
        try:
            service.start()
            yield service
        finally:
            service.kill()
            service.close()


def begin_live(world: World) -> None:
    """Note that live rows of running totals have begun."""
    with Database(world.database_url) as database, database.connection() as connection:
        for name in sorted(world.truth.totals):
            connection.execute(statement("begin_live"), [name, Minutes.of(world).start])


def held(telegraf: Telegraf) -> int:
    """Return how many rows Telegraf has in its buffers."""
    seen = telegraf.counters()
    return sum(seen[f"{output}.buffer_size"] for output in OUTPUTS)


def wait_until_flushed(telegraf: Telegraf) -> None:
    """Return when everything that Telegraf has is stored, or dropped."""

    def empty() -> bool:
        seen = telegraf.counters()
        gone = sum(seen[f"{o}.{end}"] for o in OUTPUTS for end in ("written", "dropped"))
        return gone + sum(seen[f"{o}.rejected"] for o in OUTPUTS) >= sum(
            seen[f"{o}.added"] for o in OUTPUTS
        )

    until(empty, 60, "Telegraf has written what it has")


class Sender:
    """vmalerts that send the live minutes, one after the other, each of them to be killed."""

    def __init__(self, world: World, telegraf: Telegraf) -> None:
        """Start the first; the next one starts when one has ended, however it did."""
        self._world = world
        self._command = ReplayCommand(
            world.prometheus.url,
            telegraf.url,
            telegraf_username=USERNAME,
            telegraf_password=PASSWORD,
        )
        self._rules = tuple(load_groups(RULES)[LIVE].rules)
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._thread = Thread(target=self._send)
        self._thread.start()

    def ended(self, seconds: float) -> bool:
        """Wait so long at most; say whether all have ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the end of the last."""
        if not self.ended(_VMALERT_SECONDS):
            raise NeverCame(f"vmalert did not end within {_VMALERT_SECONDS:g} s")

    def kill(self) -> None:
        """Kill the one that runs."""
        if self._process:
            self._process.kill()

    def close(self) -> None:
        """Kill the one that runs and start no other; safe to repeat."""
        self._closed = True
        self.kill()
        self.wait()

    def _send(self) -> None:
        minutes = Minutes.of(self._world)
        for window in split(Window(minutes.start, minutes.end), _PIECE):
            job = Job(LIVE, MINUTE, window, self._rules)
            with tempfile.TemporaryDirectory(dir=self._world.folder) as folder:
                for file, text in self._command.files(job).items():
                    Path(folder, file).write_text(text, encoding="utf-8")
                if self._closed:
                    return
                self._process = subprocess.Popen(
                    [str(vmalert_program()), *self._command.arguments(job, folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=folder,
                    env=self._command.environment(),
                )
                self._process.wait(_VMALERT_SECONDS)


def check(world: World) -> LiveReport:
    """Compare live rows with the source, as the schedule does every ten minutes."""
    policy = Policy(history_start=world.times.start)
    with (
        Prometheus(world.prometheus.url, attempts=3) as source,
        Database(world.database_url) as database,
    ):
        return LiveCheck(
            source,
            LiveRows(database),
            load_groups(RULES)[LIVE],
            load_routing(RULES),
            policy,
            patience=timedelta(0),
        ).run(world.times.now)


def repair(world: World) -> int:
    """Compare and bring what is missing until nothing is, as the sensor does; count rows."""
    brought = 0
    for _ in range(3):
        report = check(world)
        if not report.missing:
            return brought
        records = {gap.record for gap in report.gaps if gap.missing}
        brought += bring(world, report.missing, records)
    raise RuntimeError(f"rows are missing after three repairs: {check(world).missing}")


def bring(world: World, windows: Sequence[Window], records: Collection[str] = ()) -> int:
    """Run `backfill_live` over windows of today only."""
    times = world.times
    today = Window(times.midnight, times.midnight + 24 * HOUR)
    only = Only(tuple(windows), frozenset(records))
    with world.backfill() as backfill:
        report = backfill.run(LIVE, [today], now=times.now, only=only, recheck=True)
    if report.error is not None:
        raise report.error
    return report.rows_written


def fill_before(world: World) -> None:
    """Run all backfills up to the first live minute."""
    world.finish([(group, window) for group, window in world.work() if group != LIVE])
    bring(world, [Window(world.times.midnight, Minutes.of(world).start)])


def live_parts(world: World) -> list[Part]:
    """Return what must be stored: whole hours end before the first live minute."""
    times, minutes = world.times, Minutes.of(world)
    return [
        Part("backfill_forever", times.start, times.midnight + MINUTE),
        Part("backfill_1y", times.start, times.boundary),
        Part("backfill_1w", times.boundary, times.midnight),
        Part(LIVE, times.midnight + MINUTE, minutes.end, gauges=False),
        Part(LIVE, times.midnight, minutes.end, totals=False),
    ]
