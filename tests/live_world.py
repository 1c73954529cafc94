"""A database that receives live rows, and a source that knows what they should have been."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone

from promtsdb_dagster.adapters.live_rows import LiveRows
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.live_check import LiveCheck, LiveReport
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.planner import Only
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.samples import Routing, tag_id, tags_of
from promtsdb_dagster.core.windows import EPOCH, Window
from tests.doubles.memory import MemorySource
from tests.fix_postgres import ScratchDatabase

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TOTAL, GAUGE = "bytes_sent", "height"
PATIENCE = timedelta(minutes=5)


def increment(minute: datetime) -> int:
    """Return what the total grew by in the minute that ends there: different for every minute."""
    return 1 + (int((minute - EPOCH) / MINUTE) * 7919) % 10_007


def values(expr: str, instant: datetime, step: timedelta) -> Mapping[str, str]:
    if expr == "height":
        return {f"node{n}": str(int((instant - EPOCH) / MINUTE) + n) for n in range(2)}
    return {"": str(sum(increment(instant - k * MINUTE) for k in range(int(step / MINUTE))))}


GROUPS = {
    "live": RuleGroup(
        "live",
        MINUTE,
        (Rule("live", TOTAL, "fine", {}, "f", 1), Rule("live", GAUGE, "height", {}, "f", 2)),
        "f",
    ),
    "backfill_forever": RuleGroup(
        "backfill_forever", HOUR, (Rule("backfill_forever", TOTAL, "coarse", {}, "f", 1),), "f"
    ),
}


class LiveWorld:
    """Send, backfill, compare and add up; `now` is the server's, at a full minute."""

    def __init__(self, database: ScratchDatabase) -> None:
        self.database = database
        self.now = w.floor(datetime.now(timezone.utc), MINUTE)
        self.start = w.floor(self.now, DAY) - 2 * DAY
        self.source = MemorySource(values, self.now)
        self.routing = Routing(cumulative=frozenset({TOTAL}))
        self.policy = Policy(history_start=self.start, concurrency=1, instants_per_unit=48)

    def say_live_since(self, instant: datetime) -> None:
        """Note that live rows began then, as their trigger did at that time."""
        with self.database.connection() as connection:
            for name, schema in ((TOTAL, "cumsum"), (GAUGE, "common")):
                connection.execute(
                    "INSERT INTO internal.live_start VALUES (%s, %s, %s)", (name, schema, instant)
                )

    def send(
        self, name: str, instants: Iterable[datetime], *, tags: bool = True, host: str = "telegraf"
    ) -> None:
        """Send live rows of a metric by the door that Telegraf uses."""
        source = "cumsum" if name == TOTAL else "internal"
        schema = "cumsum" if name == TOTAL else "common"
        expr = "fine" if name == TOTAL else "height"
        rows, bags = [], {}
        for instant in instants:
            for series, value in values(expr, instant, MINUTE).items():
                labels = {"series": series} if series else {}
                bag = tags_of(name, {**labels, "host": host})
                bags[tag_id(bag)] = bag
                rows.append((instant, tag_id(bag), name, schema, value))
        table = f"staging_{source}.prometheus_remote_write"
        with self.database.connection() as connection, connection.cursor() as cursor:
            if tags:
                with cursor.copy(f"COPY {table}_tag FROM STDIN".encode()) as sink:
                    for key, bag in bags.items():
                        sink.write_row((key, json.dumps(bag)))
            with cursor.copy(f"COPY {table} FROM STDIN".encode()) as sink:
                for row in rows:
                    sink.write_row(row)

    def backfill(
        self,
        group: str = "live",
        *,
        only: Iterable[Window] = (),
        records: Iterable[str] = (),
        recheck: bool = False,
    ) -> int:
        """Run a group over all days; return how many rows were new."""
        engine = Backfill(self.source, Writer(self.database), GROUPS, self.routing, self.policy)
        # The minutes of an hour belong to the day of its end.
        days = w.split(Window(self.start, w.ceil(self.now + HOUR, DAY)), DAY)
        report = engine.run(
            group, days, now=self.now, only=Only(tuple(only), frozenset(records)), recheck=recheck
        )
        assert report.error is None, report.error
        return report.rows_written

    def check(
        self,
        live: RuleGroup = GROUPS["live"],
        *,
        has_time: Callable[[], bool] = lambda: True,
    ) -> LiveReport:
        """Compare live rows with the source."""
        rows = LiveRows(self.database)
        check = LiveCheck(self.source, rows, live, self.routing, self.policy, patience=PATIENCE)
        return check.run(self.now, has_time)

    def repair(self) -> LiveReport:
        """Compare, bring what is missing, and compare again."""
        report = self.check()
        records = {gap.record for gap in report.gaps if gap.missing}
        if records:
            self.backfill(only=report.missing, records=records, recheck=True)
        return self.check()

    def total(self) -> int:
        """Return the running total as it is stored."""
        with self.database.connection() as connection:
            row = connection.execute(
                "SELECT coalesce(sum(value), 0) FROM cumsum.prometheus_remote_write"
            ).fetchone()
        assert row is not None
        return int(row[0])

    def expected(self, until: datetime) -> int:
        """Return the total from the first hour of history to an instant, inclusive."""
        first = self.start - HOUR + MINUTE
        return sum(increment(first + k * MINUTE) for k in range(int((until - first) / MINUTE) + 1))

    @property
    def settled(self) -> datetime:
        """Return the newest instant that a backfill takes."""
        return self.now - MINUTE


def minutes(first: datetime, last: datetime) -> list[datetime]:
    """Return the minutes from first to last, both inclusive."""
    return [first + k * MINUTE for k in range(int((last - first) / MINUTE) + 1)]
