"""What tries of faults have in common: a part of the work, a run of it, the judgement."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

from faults.fault import Try
from faults.oracle import Difference, compare
from faults.statements import statement
from faults.truth import Part
from faults.world import Work, World
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import PromtsdbError

DAY = timedelta(days=1)
AGAIN = "running the same partitions again"
BOTH = ("postgresql", "timescaledb")


class NotRight(Exception):
    """The system did not do what the fault calls for; the text says what it did."""


def some_work(world: World) -> list[Work]:
    """Return a day of gauges and the same day of running totals."""
    day = Window(world.times.boundary, world.times.midnight)
    return [("backfill_forever", day), ("backfill_1w", day)]


def some_parts(world: World) -> list[Part]:
    """Return what must be stored once `some_work` is done."""
    return [Part(group, window.start, window.end) for group, window in some_work(world)]


def run(backfill: Backfill, world: World, work: Sequence[Work] = ()) -> list[Exception]:
    """Do the work once and return what failed; no failure keeps the rest from being done."""
    errors = []
    for group, window in work or some_work(world):
        report = backfill.run(group, [window], now=world.times.now, run_id="hurt")
        if report.error is not None:
            errors.append(report.error)
    # What a person gets to read must be ours, whatever broke.
    if strange := [error for error in errors if not isinstance(error, PromtsdbError)]:
        raise NotRight(f"an error that explains nothing: {strange[0]!r}") from strange[0]
    return errors


def expect_none(errors: Sequence[Exception]) -> None:
    """Raise what failed: this fault must end by itself."""
    if errors:
        raise errors[0]


def expect(errors: Sequence[Exception], kind: type[Exception], says: str = "") -> None:
    """Check that something failed, as this kind of error, in these words."""
    if not errors:
        raise NotRight(f"nothing failed, wanted {kind.__name__}")
    if wrong := [e for e in errors if not isinstance(e, kind) or says not in str(e)]:
        raise NotRight(f"{wrong[0]!r}, wanted {kind.__name__} with {says!r}") from wrong[0]


def half_way(world: World, parts: Sequence[Part] = ()) -> Difference:
    """Return what is there and should not be; what is not there yet does not count."""
    url, truth = world.database_url, world.truth
    found = compare(url, truth, parts or some_parts(world), ledger=False)
    if found.doubled or found.wrong:
        world.say(f"  {world.engine}, half-way: {found}")
    found.lost = 0
    return found


def judged(
    world: World,
    began: float,
    note: str = "",
    *,
    parts: Sequence[Part] = (),
    before: Difference | None = None,
    aggregates: bool = False,
) -> Try:
    """Compare the database with the truth; `began` is when the fault ended (time.monotonic)."""
    seconds = time.monotonic() - began
    found = world.compare(parts or some_parts(world), aggregates=aggregates)
    before = before or Difference()
    return Try(
        found.lost, found.doubled + before.doubled, found.wrong + before.wrong, seconds, note
    )


def lock_waits(world: World) -> int:
    """Return how many sessions of the try's database wait for a lock."""
    [[found]] = ask(world.admin_url(), statement("count_lock_waits"))
    return int(str(found))


def side_by_side(*works: Callable[[], object]) -> list[Future[object]]:
    """Do several things at once; return when all have ended."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [pool.submit(work) for work in works]


def ask(url: str, statement: str, *values: object) -> list[tuple[object, ...]]:
    """Return the rows of a statement that commits by itself."""
    with Database(url).connection(autocommit=True) as connection:
        cursor = connection.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []
