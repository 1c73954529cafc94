"""Do what TimescaleDB's policies do where there are none, and drop old bookkeeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import errors as pg
from psycopg import sql

from promtsdb_dagster.adapters.database import Connection, Database
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.migrations import Engine

# One transaction each: a year's rows would hold back every vacuum for hours.
_SLICE = timedelta(hours=1)
_MOST_SECONDS = 600.0
# Bookkeeping that only grows: table, its time, and how long somebody may want to look at it.
_GROWING = (
    ("refused_row", "day", timedelta(days=400)),
    ("live_gap", "hour", timedelta(days=400)),
)


@dataclass(frozen=True)
class Refreshed:
    """Say how far one aggregate is, and how many of its buckets differed."""

    aggregate: str
    buckets: int
    to: datetime


@dataclass(frozen=True)
class RecentReport:
    """Say what was refreshed, and which aggregates somebody else was refreshing."""

    engine: Engine
    refreshed: tuple[Refreshed, ...] = ()
    busy: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExpiredReport:
    """Say how many rows went; `complete` is False where more are left than one call drops."""

    engine: Engine
    rows: int = 0
    dropped_to: datetime | None = None
    complete: bool = True


class Housekeeping:
    """Keep a migrated database in shape; everything is safe to repeat, and beside itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def refresh_recent(self, *, at_most_seconds: float | None = None) -> RecentReport:
        """Refresh the last hour of every aggregate, and make up for what was missed before.

        With a limit, each statement ends within it, what is busy is left out, and of what was
        missed six hours are made up for. Does nothing on TimescaleDB, whose policies do it.
        """
        engine = self._database.engine()
        if engine == "timescaledb":
            return RecentReport(engine)
        refreshed, busy = [], []
        with self._database.connection(autocommit=True) as connection:
            if at_most_seconds is not None:
                _limit(connection, lock=at_most_seconds / 4, statement=at_most_seconds)
            names = [row[0] for row in connection.execute(query("select_aggregate_names"))]
            for name in names:
                try:
                    refreshed.append(_refresh(connection, name, to_the_end=at_most_seconds is None))
                except (pg.LockNotAvailable, pg.QueryCanceled):
                    busy.append(name)
        return RecentReport(engine, tuple(refreshed), tuple(busy))

    def drop_expired(self, on_progress: Callable[[int, datetime], None]) -> ExpiredReport:
        """Drop gauges older than a year, an hour of them at once, for ten minutes at most.

        Reports rows so far and up to where. Does nothing on TimescaleDB, whose policy does it.
        """
        engine = self._database.engine()
        if engine == "timescaledb":
            return ExpiredReport(engine)
        rows, dropped_to = 0, None
        started = time.monotonic()
        with self._database.connection(autocommit=True) as connection:
            while time.monotonic() - started < _MOST_SECONDS:
                done = connection.execute(
                    query("drop_expired_rows"), [_SLICE, dropped_to]
                ).fetchone()
                if not done or done[1] is None:
                    return ExpiredReport(engine, rows, dropped_to)
                rows, dropped_to = rows + done[0], done[1]
                on_progress(rows, dropped_to)
        return ExpiredReport(engine, rows, dropped_to, complete=False)

    def drop_old_notes(self) -> dict[str, int]:
        """Drop notes that nothing will ever act on; return how many rows, by table."""
        with self._database.connection(autocommit=True) as connection:
            lost = connection.execute(query("delete_lost_changes")).rowcount
            dropped = {"aggregate_change": lost}
            for name, column, age in _GROWING:
                known = connection.execute(
                    query("select_table_exists"), [f"internal.{name}"]
                ).fetchone()
                if known and known[0]:
                    statement = sql.SQL(query("delete_old_rows")).format(
                        table=sql.Identifier("internal", name), column=sql.Identifier(column)
                    )
                    dropped[name] = connection.execute(statement, [age]).rowcount
        return dropped


def _refresh(connection: Connection, aggregate: str, *, to_the_end: bool) -> Refreshed:
    buckets, reached = 0, None
    while True:
        changed, to = _one(connection, aggregate)
        buckets += changed
        # A call that comes no further has come to the end.
        if not to_the_end or (reached is not None and to - reached < timedelta(minutes=5)):
            return Refreshed(aggregate, buckets, to)
        reached = to


def _one(connection: Connection, aggregate: str) -> tuple[int, datetime]:
    ((changed, to),) = connection.execute(query("refresh_recent"), [aggregate]).fetchall()
    return changed, to


def _limit(connection: Connection, *, lock: float, statement: float) -> None:
    connection.execute(
        query("limit_waiting"),
        {"lock": f"{lock * 1000:.0f}ms", "statement": f"{statement * 1000:.0f}ms"},
    )
