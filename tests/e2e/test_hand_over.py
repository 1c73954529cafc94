"""Running totals are those of the source, whatever comes first and whatever breaks on the way.

Prometheus, vmalert, Telegraf and PostgreSQL are real. The past of the source ends at a fixed
moment; so that nobody waits for hours, vmalert sends what it would have sent live by its replay
of the same live rules, and the first live instant is noted as its trigger did at that time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Thread

import pytest

from promtsdb_dagster.adapters.live_rows import LiveRows
from promtsdb_dagster.adapters.replay import ReplayCommand
from promtsdb_dagster.adapters.replay_process import ProcessReplayer
from promtsdb_dagster.core.live_check import LiveCheck, LiveReport
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.planner import Only
from promtsdb_dagster.core.replaying import Job
from promtsdb_dagster.core.rules import RuleGroup
from promtsdb_dagster.core.windows import Window, floor
from promtsdb_dagster.localstack.binaries import find_postgres, find_program
from promtsdb_dagster.settings import load_settings
from tests.fix_deployment import Deployment
from tests.fix_postgres import ScratchDatabase, timescaledb_missing
from tests.fix_prometheus import DAY, GROUPS, MIDNIGHT, NOW, ROUTING, History
from tests.fix_telegraf import PASSWORD, USERNAME, Telegraf, wait_until
from tests.totals import source_totals, stored_totals

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TOTALS = tuple(r for r in GROUPS["live"].rules if r.record.lower() in ROUTING.cumulative)
START = MIDNIGHT - 2 * DAY
# When the first backfill runs, when live rows begin and when they end.
EARLY = MIDNIGHT + 7 * HOUR + 40 * MINUTE + timedelta(seconds=20)
LIVE = MIDNIGHT + 8 * HOUR + 17 * MINUTE
LAST = MIDNIGHT + 10 * HOUR + 25 * MINUTE
# The newest minute whose rows must have come by now.
OWED = floor(NOW - MINUTE, MINUTE) - MINUTE
TAIL = Window(LAST + MINUTE, OWED + MINUTE)


class World:
    """Hold the processes, and what they have been sent."""

    def __init__(
        self, history: History, deployment: Deployment, telegraf: Telegraf, vmalert: Path
    ) -> None:
        self.history, self.deployment, self.telegraf = history, deployment, telegraf
        command = ReplayCommand(
            history.url, telegraf.url, telegraf_username=USERNAME, telegraf_password=PASSWORD
        )
        self._replayer = ProcessReplayer(command, vmalert, longest_seconds=60)
        self._sent = 0

    def database(self) -> AbstractContextManager[ScratchDatabase]:
        return self.deployment.database()

    def backfill(self, group: str, now: datetime = NOW, *, only: Sequence[Window] = ()) -> None:
        days = [Window(START + n * DAY, START + (n + 1) * DAY) for n in range(3)]
        with self.database() as database:
            engine = self.history.backfill(database)
            report = engine.run(group, days, now=now, only=Only(tuple(only)), recheck=bool(only))
        assert report.error is None, report.error

    def begin_live(self) -> None:
        with self.database() as database, database.connection() as connection:
            # The past of the source ends at a fixed day, however long ago that is.
            connection.execute("UPDATE internal.staging_limit SET late = INTERVAL '100 years'")
            for rule in TOTALS:
                connection.execute(
                    "INSERT INTO internal.live_start VALUES (%s, 'cumsum', %s)"
                    " ON CONFLICT DO NOTHING",
                    (rule.record, LIVE),
                )

    def send(self, window: Window) -> None:
        """Have vmalert send the minutes of a window to Telegraf."""
        ending = self._replayer.replay(Job("live", MINUTE, window, TOTALS))
        assert ending.good, ending
        self._sent += len(TOTALS) * int(window.duration / MINUTE)

    def flush(self) -> None:
        self.telegraf.wait_until_flushed(self._sent)

    def live(self, *holes: Window) -> None:
        """Send all live minutes but for the holes."""
        self.begin_live()
        start = LIVE
        for hole in holes:
            self.send(Window(start, hole.start))
            start = hole.end
        self.send(Window(start, LAST + MINUTE))
        self.flush()

    def kill_telegraf(self) -> None:
        self.telegraf.kill()
        self._sent = 0

    def check(self) -> LiveReport:
        with self.database() as database:
            totals = RuleGroup("live", MINUTE, TOTALS, "live.yaml")
            policy = Policy(history_start=START)
            source = self.history.source
            patience = timedelta(0)
            rows = LiveRows(database)
            return LiveCheck(source, rows, totals, ROUTING, policy, patience=patience).run(NOW)

    def totals(self) -> dict[str, Decimal]:
        with self.database() as database:
            return stored_totals(database, NOW)


def backfill_before_live(world: World) -> list[Window]:
    world.backfill("backfill_forever", EARLY)
    world.live()
    return []


def live_before_backfill(world: World) -> list[Window]:
    world.live()
    return []


def backfill_twice(world: World) -> list[Window]:
    world.backfill("backfill_forever", EARLY)
    world.backfill("backfill_forever", EARLY)
    world.live()
    world.backfill("backfill_forever")
    return []


def all_groups_overlapping(world: World) -> list[Window]:
    for group in ("live", "backfill_forever", "live"):
        world.backfill(group, EARLY)
    world.live()
    for group in ("live", "backfill_forever", "backfill_1w"):
        world.backfill(group)
    return []


def vmalert_down_for_an_hour(world: World) -> list[Window]:
    hole = Window(LIVE + 33 * MINUTE, LIVE + 93 * MINUTE)
    world.live(hole)
    return [hole]


def telegraf_killed_with_a_full_buffer(world: World) -> list[Window]:
    world.begin_live()
    lost = Window(LIVE + 40 * MINUTE, LIVE + 71 * MINUTE)
    world.send(Window(LIVE, lost.start))
    world.flush()
    world.deployment.stop()
    world.send(lost)
    wait_until(
        lambda: world.telegraf.counters()["cumsum.buffer_size"] == len(TOTALS) * 31,
        "all that was sent is in Telegraf's buffer",
    )
    world.kill_telegraf()
    world.deployment.start()
    world.telegraf.start()
    world.send(Window(lost.end, LAST + MINUTE))
    world.flush()
    return [lost]


def postgresql_restarted(world: World) -> list[Window]:
    world.begin_live()
    middle = LIVE + 50 * MINUTE
    world.send(Window(LIVE, middle))
    sender = Thread(target=world.send, args=[Window(middle, LAST + MINUTE)])
    sender.start()
    world.deployment.stop()
    world.deployment.start()
    sender.join()
    world.flush()
    return []


EARLY_HOUR, LIVE_HOUR = floor(EARLY, HOUR), floor(LIVE, HOUR)
# Up to which hour each leaves whole hours to the backfill.
SCENARIOS: dict[Callable[[World], list[Window]], datetime] = {
    backfill_before_live: EARLY_HOUR,
    live_before_backfill: LIVE_HOUR,
    backfill_twice: EARLY_HOUR,
    all_groups_overlapping: EARLY_HOUR,
    vmalert_down_for_an_hour: LIVE_HOUR,
    telegraf_killed_with_a_full_buffer: LIVE_HOUR,
    postgresql_restarted: LIVE_HOUR,
}


@pytest.fixture(scope="module")
def vmalert() -> Path:
    """Find any vmalert."""
    if found := find_program("vmalert") or find_program("vmalert-prod"):
        return found
    pytest.skip("vmalert is not there; `make tools` builds it where Go is installed")


@pytest.fixture(scope="module", params=[False, True], ids=["postgresql", "timescaledb"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """Run a server as in production, of each engine in turn."""
    bindir = find_postgres(load_settings().pg_bindir).folder
    if request.param and (missing := timescaledb_missing(bindir)):
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("deployment") / "server"
    found = Deployment(folder, timescaledb=request.param)
    try:
        found.deploy()
        yield found
    finally:
        found.stop()


@pytest.fixture
def world(
    history: History,
    server: Deployment,
    vmalert: Path,
    telegraf_program: Path,
    tmp_path: Path,
) -> Iterator[World]:
    """Run Telegraf on a server without any data."""
    with server.database() as database, database.connection() as connection:
        connection.execute(
            "TRUNCATE internal.prometheus_remote_write, cumsum.prometheus_remote_write,"
            " internal.prometheus_remote_write_tag, internal.backfill_ledger,"
            " internal.live_start, internal.live_gap, internal.live_checked,"
            " internal.orphan_tag, internal.refused_row"
        )
    telegraf = Telegraf(tmp_path, telegraf_program, server.telegraf_url)
    try:
        telegraf.start()
        yield World(history, server, telegraf, vmalert)
    finally:
        telegraf.close()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__)
def test_running_totals_are_exact(world: World, scenario: Callable[[World], list[Window]]) -> None:
    """
    1. Backfill and live rows come in some order; something breaks.
    2. The comparison with the source finds what is missing, to the minute.
    3. After the repair nothing is missing, and all six totals are the source's.
    4. Everything once more changes nothing.
    """
    holes = scenario(world)
    world.backfill("backfill_forever")

    report = world.check()
    # Who runs the whole group has the newest minute too, and nothing is missing.
    whole = scenario is all_groups_overlapping
    assert report.missing == ([] if whole else [*holes, TAIL])
    if report.missing:
        world.backfill("live", only=report.missing)

    assert world.check().missing == []
    totals, last = world.totals(), OWED + MINUTE if whole else OWED
    assert len(totals) == 6
    assert totals == source_totals(world.history.source, START, SCENARIOS[scenario], last)
    world.backfill("backfill_forever")
    world.backfill("live", only=[Window(LIVE, last + MINUTE)])
    assert world.totals() == totals
