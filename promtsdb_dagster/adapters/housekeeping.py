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
        """Refresh the last hour of every aggregate, then what was missed before, newest first.

        With a limit, each statement ends within it, what is busy is left out, and of what was
        missed as many hours are made up for as fit into twice the limit. Does nothing on
        TimescaleDB, whose policies do it; see `note_missed`.
        """
        engine = self._database.engine()
        if engine == "timescaledb":
            return RecentReport(engine)
        refreshed: dict[str, Refreshed] = {}
        busy: list[str] = []
        behind: list[str] = []
        with self._database.connection(autocommit=True) as connection:
            if at_most_seconds is not None:
                _limit(connection, lock=at_most_seconds / 4, statement=at_most_seconds)

            def go_on(statement: str, names: list[str]) -> list[str]:
                """Return which of the names are behind still."""
                left = []
                for name in names:
                    try:
                        buckets, to, complete = _refresh(connection, statement, name)
                    except (pg.LockNotAvailable, pg.QueryCanceled):
                        busy.append(name)
                        continue
                    before = refreshed[name].buckets if name in refreshed else 0
                    refreshed[name] = Refreshed(name, before + buckets, to)
                    left += [] if complete else [name]
                return left

            names = [row[0] for row in connection.execute(query("select_aggregate_names"))]
            behind = go_on("refresh_newest", names)
            started = time.monotonic()
            while behind and (
                at_most_seconds is None or time.monotonic() - started < 2 * at_most_seconds
            ):
                behind = go_on("refresh_missed", behind)
        return RecentReport(engine, tuple(refreshed.values()), tuple(busy))

    def note_missed(self) -> list[str]:
        """Note what TimescaleDB's policies missed for good, so that a refresh makes up for it.

        Returns the aggregates that got a note. Does nothing without TimescaleDB.
        """
        if self._database.engine() == "postgresql":
            return []
        with self._database.connection(autocommit=True) as connection:
            return sorted({row[0] for row in connection.execute(query("note_missed"))})

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


def _refresh(connection: Connection, statement: str, aggregate: str) -> tuple[int, datetime, bool]:
    ((buckets, to, complete),) = connection.execute(query(statement), [aggregate]).fetchall()
    return buckets, to, complete


def _limit(connection: Connection, *, lock: float, statement: float) -> None:
    connection.execute(
        query("limit_waiting"),
        {"lock": f"{lock * 1000:.0f}ms", "statement": f"{statement * 1000:.0f}ms"},
    )
