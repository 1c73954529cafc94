"""Whatever comes first, backfill or live rows, every minute of a running total counts once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promtsdb_dagster.core import windows as w
from tests.fix_postgres import Cluster, ScratchDatabase
from tests.live_world import HOUR, MINUTE, TOTAL, LiveWorld, minutes


@pytest.fixture
def world(database: ScratchDatabase) -> LiveWorld:
    return LiveWorld(database)


def live_rows(world: LiveWorld) -> None:
    world.send(TOTAL, minutes(world.now - 8 * MINUTE, world.settled))


def forever(world: LiveWorld) -> None:
    world.backfill("backfill_forever")


def by_the_minute(world: LiveWorld) -> None:
    world.backfill("live")


def late_rows(world: LiveWorld) -> None:
    """What Telegraf held back while the database was away."""
    world.send(TOTAL, minutes(world.now - 200 * MINUTE, world.now - 20 * MINUTE))


ORDERS = {
    "backfill before live": (forever, live_rows),
    "live before backfill": (live_rows, forever),
    "backfill twice": (forever, forever, live_rows),
    "all groups, live between": (by_the_minute, live_rows, forever, by_the_minute),
    "held back rows first": (late_rows, live_rows, forever),
    "held back rows after the backfill": (forever, live_rows, late_rows),
    "held back rows and nothing live yet": (late_rows, forever),
}


@pytest.mark.parametrize("steps", ORDERS.values(), ids=ORDERS.keys())
def test_the_total_is_exact_in_every_order(
    world: LiveWorld, steps: tuple[Callable[[LiveWorld], None], ...]
) -> None:
    for step in steps:
        step(world)
    forever(world)
    if live_rows in steps:
        world.repair()
        by_the_minute(world)

    assert world.total() == world.expected(world.settled)


def test_live_rows_and_backfills_at_the_same_moment(world: LiveWorld) -> None:
    """The lock puts them in some order; each is right."""
    moments = minutes(world.now - 3 * HOUR, world.settled)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(world.backfill, "backfill_forever"), pool.submit(world.backfill)]
        jobs += [
            pool.submit(world.send, TOTAL, moments[first : first + 30])
            for first in range(0, len(moments), 30)
        ]
        for job in jobs:
            job.result(timeout=60)
    forever(world)
    by_the_minute(world)

    assert world.total() == world.expected(world.settled)


ACTION = st.sampled_from(["forever", "live", "young", "late", "repair", "both"])
LATE = st.tuples(st.integers(12, 2000), st.integers(1, 150))


@pytest.mark.parametrize("engine", ["plain_cluster", "timescaledb_cluster"])
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(actions=st.lists(st.tuples(ACTION, LATE), max_size=6))
def test_the_total_is_exact_in_any_order(
    request: pytest.FixtureRequest, engine: str, actions: list[tuple[str, tuple[int, int]]]
) -> None:
    """
    1. Backfills by the hour and by the minute, repairs, young rows and rows that were held up
       anywhere come in any order.
    2. At the end live rows go on, the gaps are repaired, and both backfills run once more.
    3. The total is that of the source, and another round changes nothing.
    """
    cluster: Cluster = request.getfixturevalue(engine)
    url = cluster.migrated_url()
    try:
        world = LiveWorld(ScratchDatabase(url))
        for action, (ago, length) in actions:
            if action in ("forever", "both"):
                forever(world)
            if action in ("live", "both"):
                by_the_minute(world)
            if action == "young":
                world.send(TOTAL, minutes(world.now - (ago % 9) * MINUTE, world.settled))
            if action == "late":
                last = max(world.now - ago * MINUTE, world.start)
                world.send(TOTAL, minutes(max(last - length * MINUTE, world.start), last))
            if action == "repair":
                world.repair()
        live_rows(world)
        world.repair()
        forever(world)
        by_the_minute(world)
        total = world.total()
        forever(world)
        by_the_minute(world)

        assert world.total() == total == world.expected(world.settled)
        assert w.floor(world.now, MINUTE) == world.now
    finally:
        cluster.drop(url)
