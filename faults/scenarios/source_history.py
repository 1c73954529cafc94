"""Clocks that jump, and a source that has less history than before."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from faults.fault import Fault, Try
from faults.proxy_http import Answer, HttpProxy
from faults.source import Source
from faults.truth import Part
from faults.trying import (
    AGAIN,
    BOTH,
    NotRight,
    expect_none,
    half_way,
    judged,
    run,
    some_parts,
    some_work,
)
from faults.world import RULES, Work, World
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.adapters.replacing import Replacer
from promtsdb_dagster.adapters.rulefiles import load_groups, load_routing
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.planner import Only
from promtsdb_dagster.core.replacing import Replacing
from promtsdb_dagster.core.report import Report
from promtsdb_dagster.core.windows import floor
from promtsdb_dagster.errors import ClockSkew, PromtsdbError

_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)


def _our_clock(world: World, chance: random.Random) -> Try:
    """
    1. Our clock is hours or days off: a run must not begin.
    2. It jumps after that was looked at, and back before the next run.
    """
    world.new_database()
    jump = chance.choice((-1, 1)) * chance.uniform(0.1, 60) * _HOUR
    real, wrong = world.times.now, world.times.now + jump
    with world.backfill() as backfill, _source_at(world, 0) as proxy:
        with world.backfill(source_url=proxy.url) as asked:
            _expect_skew(lambda: asked.check_clock(wrong))
            asked.check_clock(real)
        for group, window in some_work(world):
            _raise(backfill.run(group, [window], now=wrong))
        parts = _parts(world, wrong)
        before = half_way(world, parts)
        began = time.monotonic()
        expect_none(run(backfill, world))
    return judged(world, began, f"by {jump}", parts=parts, before=before)


def _parts(world: World, wrong: datetime) -> list[Part]:
    """Return what must be stored of `some_work` when a run believed that it was `wrong`.

    What had begun of an hour then was done by the minute, and so is what is left of it.
    """
    usual = some_parts(world)
    settled = floor(wrong - _MINUTE, _MINUTE)
    hour = floor(settled, _HOUR)
    start, end = world.times.boundary, world.times.midnight
    if settled == hour or not start - _HOUR <= hour < end - _HOUR:
        return usual
    return [
        *(part for part in usual if part.group != "backfill_forever"),
        Part("backfill_forever", start, hour + _MINUTE),
        Part("live", hour + _MINUTE, hour + _HOUR + _MINUTE, gauges=False),
        Part("backfill_forever", hour + _HOUR + _MINUTE, end),
    ]


def _source_clock(world: World, chance: random.Random) -> Try:
    """The clock of Prometheus is hours off, either way; then it is right."""
    world.new_database()
    jump = chance.choice((-1, 1)) * chance.uniform(0.1, 60) * _HOUR
    with (
        _source_at(world, jump.total_seconds()) as proxy,
        world.backfill(source_url=proxy.url) as backfill,
    ):
        _expect_skew(lambda: backfill.check_clock(world.times.now))
    began = time.monotonic()
    with _source_at(world, 0) as proxy, world.backfill(source_url=proxy.url) as backfill:
        backfill.check_clock(world.times.now)
        expect_none(run(backfill, world))
    return judged(world, began, f"by {jump}")


@contextmanager
def _source_at(world: World, seconds: float) -> Iterator[HttpProxy]:
    """Lend a source whose clock is so many seconds after the world's."""
    now = world.times.now.timestamp() + seconds

    def change(answer: Answer) -> Answer:
        document: dict[str, Any] = orjson.loads(answer.body)
        for series in document["data"]["result"]:
            series["value"][0] = now
        return replace(answer, body=orjson.dumps(document))

    with HttpProxy(world.prometheus.url).running() as proxy:
        proxy.spoil(change, times=10**6, endpoint="/query")
        yield proxy


def _younger(world: World, chance: random.Random) -> Try:
    """
    1. All is stored; the source is replaced by one whose history begins hours later.
    2. All is asked of it again, with `recheck`, and refreshed: nothing may go.
    """
    world.new_database()
    world.finish()
    world.refresh()
    hours = chance.randrange(1, 40)
    with _later(world, hours) as source:
        began = time.monotonic()
        with world.backfill(source_url=source.url) as backfill:
            for group, window in world.work():
                _raise(backfill.run(group, [window], now=world.times.now, recheck=True))
    world.refresh()
    return judged(world, began, f"{hours} h less", parts=world.parts(), aggregates=True)


def _younger_first(world: World, chance: random.Random) -> Try:
    """
    1. A source whose history begins within what is asked for answers first.
    2. The one with all of it comes back. The hour in which history began is stored as the first
       knew it, and the first writer wins: somebody has it replaced.
    """
    world.new_database()
    day = some_work(world)[0]
    hours = 24 + chance.randrange(2, 22)
    with (
        _later(world, hours) as source,
        world.backfill(source_url=source.url) as backfill,
    ):
        _raise(backfill.run(day[0], [day[1]], now=world.times.now))
    before = half_way(world, world.parts())
    # What the first source said of its first hour is what is to be replaced.
    before.wrong = 0
    began = time.monotonic()
    world.finish()
    _replace(world, day)
    return judged(world, began, f"{hours} h less", parts=world.parts(), before=before)


def _replace(world: World, work: Work) -> None:
    group, window = work
    groups, routing = load_groups(RULES), load_routing(RULES)
    policy = Policy(world.times.start, coarse_age=world.times.midnight - world.times.boundary)
    with Prometheus(world.prometheus.url) as source, Database(world.database_url) as database:
        replacing = Replacing(source, Replacer(database), groups, routing, policy)
        records = frozenset(rule.record for rule in groups[group].rules)
        _raise(replacing.run(group, [window], now=world.times.now, only=Only(records=records)))


@contextmanager
def _later(world: World, hours: int) -> Iterator[Source]:
    """Lend a second Prometheus, whose history begins so many hours later."""
    source = Source(world.folder / f"later-{hours}", world.times)
    try:
        if not (source.folder / "tsdb").exists():
            source.make(since=world.times.start + hours * _HOUR)
        source.start()
        yield source
    finally:
        source.stop()


def _expect_skew(check: Any) -> None:
    try:
        check()
    except ClockSkew:
        return
    raise NotRight("a clock that is off kept no run from beginning")


def _raise(report: Report) -> None:
    if report.error is not None:
        if not isinstance(report.error, PromtsdbError):
            raise NotRight(f"an error that explains nothing: {report.error!r}") from report.error
        raise report.error


FAULTS = [
    Fault(
        "clock-ours",
        "our clock jumps by hours, before and in a run",
        BOTH,
        {"short": 0, "long": 10},
        (),
        _our_clock,
        AGAIN,
    ),
    Fault(
        "clock-source",
        "the clock of Prometheus jumps by hours",
        BOTH,
        {"short": 1, "long": 10},
        (),
        _source_clock,
        AGAIN,
    ),
    Fault(
        "source-younger",
        "Prometheus restarts with less history",
        BOTH,
        {"short": 0, "long": 5},
        ("promtool",),
        _younger,
    ),
    Fault(
        "source-younger-first",
        "Prometheus had less history when it was asked first",
        BOTH,
        {"short": 0, "long": 5},
        ("promtool",),
        _younger_first,
        "replacing the metrics there",
    ),
]
