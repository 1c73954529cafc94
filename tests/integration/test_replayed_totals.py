"""A replay keeps to what the direct writer keeps to: a minute of a running total counts once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from promtsdb_dagster.adapters.reservations import Reservations
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.replaying import Ending, Job, ReplayedStore
from promtsdb_dagster.core.report import Report
from promtsdb_dagster.core.samples import tag_id, tags_of
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import StoreError, VerificationFailed
from tests.fix_postgres import ScratchDatabase
from tests.live_world import DAY, GROUPS, HOUR, MINUTE, TOTAL, LiveWorld, minutes, values


class StagingReplayer:
    """Send what vmalert would send, by the door that Telegraf uses."""

    def __init__(self, world: LiveWorld, before: Callable[[], None] = lambda: None) -> None:
        self.world, self.before = world, before

    def replay(self, job: Job) -> Ending:
        self.before()
        tags = tags_of(TOTAL, {})
        with self.world.database.connection() as connection, connection.cursor() as cursor:
            staging = "staging_cumsum.prometheus_remote_write"
            with cursor.copy(f"COPY {staging}_tag FROM STDIN".encode()) as sink:
                sink.write_row((tag_id(tags), json.dumps(tags)))
            with cursor.copy(f"COPY {staging} FROM STDIN".encode()) as sink:
                for rule in job.rules:
                    for instant in w.instants(job.window, job.step):
                        value = values(rule.expr, instant, job.step)[""]
                        sink.write_row((instant, tag_id(tags), TOTAL, "cumsum", value))
        return Ending("ended with status 0", good=True)


def replay(world: LiveWorld, group: str, **options: Callable[[], None]) -> Report:
    store = ReplayedStore(
        Writer(world.database),
        Reservations(world.database),
        StagingReplayer(world, **options),
        timedelta(seconds=1),
    )
    # The gauges do not come by this replayer.
    groups = {
        name: replace(known, rules=tuple(r for r in known.rules if r.record == TOTAL))
        for name, known in GROUPS.items()
    }
    engine = Backfill(world.source, store, groups, world.routing, world.policy)
    days = w.split(Window(world.start, w.ceil(world.now + HOUR, DAY)), DAY)
    return engine.run(group, days, now=world.now)


@pytest.fixture
def world(database: ScratchDatabase) -> LiveWorld:
    return LiveWorld(database)


def test_a_replay_refuses_minutes_that_another_series_has(world: LiveWorld) -> None:
    start = world.now - HOUR
    world.say_live_since(start)
    world.send(TOTAL, minutes(start, world.now), host="another")
    before = world.total()

    report = replay(world, "live")

    assert isinstance(report.error, StoreError)
    assert "other labels" in str(report.error)
    assert world.total() == before


def test_a_live_row_does_not_take_the_place_of_an_hour(world: LiveWorld) -> None:
    """It comes while the hour is reserved and not stored yet; the next run puts that right."""
    hour = w.floor(world.now, HOUR) - 20 * HOUR
    came: list[datetime] = []

    def late_row() -> None:
        if not came:
            came.append(hour)
            world.send(TOTAL, [hour])

    failed = replay(world, "backfill_forever", before=late_row)
    assert isinstance(failed.error, VerificationFailed)

    for run in (replay(world, "backfill_forever"), replay(world, "backfill_forever")):
        assert run.error is None, run.error
    assert world.total() == world.expected(world.settled)


def test_the_direct_writer_puts_it_right_too(world: LiveWorld) -> None:
    hour = w.floor(world.now, HOUR) - 20 * HOUR
    replay(world, "backfill_forever", before=lambda: world.send(TOTAL, [hour, hour - MINUTE]))

    world.backfill("backfill_forever")

    assert world.total() == world.expected(world.settled)
