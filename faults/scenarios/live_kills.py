"""SIGKILL of Telegraf and of vmalert, while live rows come and while history is replayed."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from faults import live
from faults.fault import BOTH, Fault, Try
from faults.statements import statement
from faults.world import World
from tests.fix_telegraf import Telegraf

# Of the 3,900 that are sent.
_FULL = 3_000
_SENT = "seconds that a replay takes"


def telegraf_killed(world: World, rng: random.Random) -> Try:
    """Kill Telegraf while vmalert sends to it; what it had in its buffer is gone."""
    with _live(world, rng) as (telegraf, sender):
        struck = "all was sent" if sender.ended(_moment(world, rng)) else _stored(world)
        telegraf.kill()
        began = time.monotonic()
        telegraf.start()
        return _ended(world, telegraf, sender, began, struck)


def telegraf_killed_full(world: World, rng: random.Random) -> Try:
    """Kill Telegraf when it could not log in for a while: all that was sent is in its buffer."""
    with _live(world, rng, shut_out=True) as (telegraf, sender):
        sender.wait()
        world.until(lambda: live.held(telegraf) >= _FULL, 20, "Telegraf's buffer has most rows")
        held = live.held(telegraf)
        telegraf.kill()
        _let_in(world, True)
        began = time.monotonic()
        telegraf.start()
        return _ended(world, telegraf, sender, began, f"{held} rows held")


def vmalert_killed(world: World, rng: random.Random) -> Try:
    """Kill vmalert while it sends live rows; the minutes that it did not send are missing."""
    with _live(world, rng) as (telegraf, sender):
        struck = "all was sent" if sender.ended(_moment(world, rng)) else _stored(world)
        sender.kill()
        return _ended(world, telegraf, sender, time.monotonic(), struck)


@contextmanager
def _live(
    world: World, rng: random.Random, *, shut_out: bool = False
) -> Iterator[tuple[Telegraf, live.Sender]]:
    """Lend a Telegraf and a vmalert that has begun to send; history may be there before."""
    world.new_database()
    live.begin_live(world)
    if rng.random() < 0.5:
        live.fill_before(world)
    with live.running_telegraf(world) as telegraf:
        if shut_out:
            _let_in(world, False)
        try:
            sender = live.Sender(world, telegraf)
            try:
                yield telegraf, sender
            finally:
                sender.close()
        finally:
            _let_in(world, True)


def _ended(world: World, telegraf: Telegraf, sender: live.Sender, began: float, struck: str) -> Try:
    """Let what still works end; then the check finds what is missing, and it is brought."""
    sender.wait()
    live.fill_before(world)
    brought = live.repair(world)
    world.refresh()
    seconds = time.monotonic() - began
    # Telegraf may still have rows that the repair has brought meanwhile.
    live.wait_until_flushed(telegraf)
    world.refresh()
    found = world.compare(live.live_parts(world), aggregates=True, ledger=False)
    return Try.of(found, seconds, f"{struck}, {'repaired' if brought else 'nothing to repair'}")


def _moment(world: World, rng: random.Random) -> float:
    if _SENT not in world.measured:
        with live.running_telegraf(world) as telegraf:
            began = time.monotonic()
            sender = live.Sender(world, telegraf)
            sender.wait()
            sender.close()
            live.wait_until_flushed(telegraf)
            world.measured[_SENT] = time.monotonic() - began
    return rng.uniform(0, world.measured[_SENT])


def _stored(world: World) -> str:
    with world.postgres.admin(world.database_url.rsplit("/", 1)[1]) as connection:
        minutes = live.Minutes.of(world)
        row = connection.execute(statement("count_since"), [minutes.start, minutes.start])
        (count,) = row.fetchone() or (0,)
    return f"{count // 1000},000 rows and more stored" if count >= 1000 else "few or no rows stored"


def _let_in(world: World, allowed: bool) -> None:
    with world.postgres.admin() as connection:
        connection.execute(statement("let_telegraf_in" if allowed else "shut_telegraf_out"))
        if not allowed:
            connection.execute(statement("end_telegraf"))


FAULTS = (
    Fault(
        "kill-telegraf",
        "SIGKILL of Telegraf while vmalert sends live rows to it",
        BOTH,
        {"short": 1, "long": 20},
        ("telegraf", "vmalert"),
        telegraf_killed,
    ),
    Fault(
        "kill-telegraf-full",
        "SIGKILL of Telegraf with an hour of live rows in its buffer",
        BOTH,
        {"short": 1, "long": 10},
        ("telegraf", "vmalert"),
        telegraf_killed_full,
    ),
    Fault(
        "kill-vmalert",
        "SIGKILL of vmalert while it sends live rows",
        BOTH,
        {"short": 1, "long": 20},
        ("telegraf", "vmalert"),
        vmalert_killed,
    ),
)
