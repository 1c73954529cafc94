"""Refresh the aggregates over exactly the windows that are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import stamina
from psycopg import errors as pg
from psycopg import sql

from promtsdb_dagster.adapters.database import Connection, Database, engine_of
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.migrations import Engine
from promtsdb_dagster.core.windows import (
    Window,
    align_inward,
    between,
    intersect,
    merge,
    split,
)
from promtsdb_dagster.errors import InputError

# Schema, name, and the schema of the metric table that it reads.
AGGREGATES: tuple[tuple[str, str, str], ...] = (
    ("cumsum", "all_metrics_minute", "cumsum"),
    ("internal", "cagg_calculated_metric", "internal"),
    ("internal", "prometheus_mainnet_1m", "internal"),
    ("internal", "prometheus_testnet_1m", "internal"),
    ("internal", "prometheus_common_1m", "internal"),
    ("geo", "latest_coords", "internal"),
)
BUCKET = timedelta(minutes=1)
# One transaction each: bounds what a failure throws away, and how long old rows are kept alive.
_PIECE = timedelta(weeks=4)
# What TimescaleDB raises while a policy refreshes the same buckets.
_BUSY = (pg.LockNotAvailable, pg.DeadlockDetected, pg.SerializationFailure, pg.ObjectInUse)
_BUSY_TIMEOUT_SECONDS = 600.0

# What was just refreshed, how many pieces are done, how many there are.
OnProgress = Callable[[Window, int, int], None]


@dataclass(frozen=True)
class RefreshReport:
    """Say what a refresh did; `buckets` counts the rows where something was to be refreshed."""

    asked: Window
    refreshed: tuple[Window, ...]
    below_floor: Window | None
    buckets: int
    seconds: float
    engine: Engine


@dataclass(frozen=True)
class _Change:
    id: int
    window: Window
    reason: str


class Aggregates:
    """Keep the aggregates of a migrated database in step with its raw rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def refresh(
        self,
        aggregate: str,
        window: Window,
        *,
        only_changed: bool = False,
        rebuild: bool = False,
        on_progress: OnProgress | None = None,
    ) -> RefreshReport:
        """Make the buckets of the window what the raw rows say, or only those noted as changed.

        With `rebuild` also where no log says that they differ: somebody may have changed the
        buckets themselves, those of hours and days too.
        Never touches a bucket whose raw rows are gone. Safe to repeat, and beside other refreshes.
        Raises InputError on an unknown aggregate or a window that is not made of whole minutes.
        """
        schema, name = _parts(aggregate)
        if align_inward(window, BUCKET) != window:
            raise InputError(
                f"cannot refresh {aggregate} from {window.start} to {window.end}: its buckets are "
                "whole minutes; wanted both ends on a full minute"
            )
        started = time.monotonic()
        # A refresh manages its own transactions, so it can run in none of ours.
        with self._database.connection(autocommit=True) as connection:
            engine = engine_of(connection)
            if engine == "timescaledb":
                connection.execute(query("sort_buckets"))
            connection.execute(query("settle_orphans"))
            changes = _changes(connection, aggregate, window)
            floor = _floor(connection, aggregate)
            above = between(max(window.start, floor), window.end) if floor else None
            wanted = [above] if above else []
            if only_changed:
                wanted = intersect(wanted, (change.window for change in changes))
            with _alone(connection, aggregate, engine):
                work = (
                    [(piece, engine == "timescaledb") for piece in _pieces(wanted)]
                    if rebuild
                    else _work(connection, aggregate, engine, wanted, changes)
                )
                for done, (piece, force) in enumerate(work, start=1):
                    _refresh(connection, aggregate, piece, engine, force)
                    if on_progress:
                        on_progress(piece, done, len(work))
                if rebuild:
                    _rebuild_rollups(connection, aggregate, window, engine)
                elif engine == "timescaledb":
                    _roll_up(connection, aggregate, window)
            # Only what was read before the refresh: what came since may have come too late for it.
            ids = [change.id for change in changes]
            if ids:
                connection.execute(query("settle_changes"), [ids, window.start, window.end])
            touched = merge(piece for piece, _ in work)
            buckets = sum(_count(connection, schema, name, piece) for piece in touched)
        gone = between(window.start, min(floor, window.end)) if floor else window
        seconds = time.monotonic() - started
        return RefreshReport(window, tuple(merge(wanted)), gone, buckets, seconds, engine)

    def pending(self) -> list[tuple[str, Window, str, datetime]]:
        """Return what changed and is not refreshed: aggregate, window, reason, when noted."""
        with self._database.connection() as connection:
            connection.execute(query("settle_orphans"))
            rows = connection.execute(query("select_pending_changes")).fetchall()
        return [(row[0], Window(row[1], row[2]), row[3], row[4]) for row in rows]


def _parts(aggregate: str) -> tuple[str, str]:
    for schema, name, _ in AGGREGATES:
        if aggregate == f"{schema}.{name}":
            return schema, name
    known = ", ".join(f"{schema}.{name}" for schema, name, _ in AGGREGATES)
    raise InputError(f"there is no aggregate {aggregate!r}, wanted one of {known}")


def _changes(connection: Connection, aggregate: str, window: Window) -> list[_Change]:
    rows = connection.execute(query("select_changes"), [aggregate, window.end, window.start])
    return [_Change(row[0], Window(row[1], row[2]), row[3]) for row in rows]


def _floor(connection: Connection, aggregate: str) -> datetime | None:
    row = connection.execute(query("select_refresh_floor"), [aggregate]).fetchone()
    floor: datetime | None = row[0] if row else None
    return floor


@contextmanager
def _alone(connection: Connection, aggregate: str, engine: Engine) -> Iterator[None]:
    """Keep other refreshes of the aggregate waiting; plain PostgreSQL does so by itself."""
    if engine == "postgresql":
        yield
        return
    connection.execute(query("lock_refresh"), [aggregate])
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(query("unlock_refresh"), [aggregate])


def _work(
    connection: Connection,
    aggregate: str,
    engine: Engine,
    wanted: list[Window],
    changes: list[_Change],
) -> list[tuple[Window, bool]]:
    """Return the windows to refresh, and whether by force."""
    if engine == "postgresql":
        return [(piece, False) for piece in _pieces(wanted)]
    late_tags = [change.window for change in changes if change.reason == "late tag"]
    # TimescaleDB looks into its log for each piece; looking once takes a tenth for a year.
    unsettled = [
        part
        for window in wanted
        for part in _windows(
            connection.execute(query("select_unsettled"), [aggregate, window.start, window.end])
        )
    ]
    work = [(piece, False) for piece in _pieces(wanted) if any(intersect([piece], unsettled))]
    return work + [(piece, True) for piece in _pieces(intersect(wanted, late_tags))]


def _roll_up(connection: Connection, aggregate: str, window: Window) -> None:
    """Bring the hours, then the days above a window up to date, whoever changed the minutes."""
    names = connection.execute(query("select_rollups"), [aggregate]).fetchall()
    for (name,) in names:
        due = connection.execute(query("select_rollup_due"), [name, window.start, window.end])
        for piece in _windows(due):
            _refresh(connection, name, piece, "timescaledb", force=False)


def _rebuild_rollups(
    connection: Connection, aggregate: str, window: Window, engine: Engine
) -> None:
    """Make hours and days what the minutes say; those have no retention, so at any age."""
    bounds = connection.execute(
        query(f"select_rollup_bounds_{engine}"),
        {"aggregate": aggregate, "start": window.start, "end": window.end},
    ).fetchall()
    for name, start, end in bounds:
        for piece in _pieces([Window(start, end)]):
            if engine == "timescaledb":
                _refresh(connection, name, piece, engine, force=True)
            else:
                rebuild = query("rebuild_rollup_postgresql")
                connection.execute(rebuild, [aggregate, name, piece.start, piece.end])


def _windows(rows: Iterable[tuple[datetime, datetime]]) -> list[Window]:
    return [Window(start, end) for start, end in rows]


def _pieces(windows: Iterable[Window]) -> list[Window]:
    return [piece for window in windows for piece in split(window, _PIECE)]


def _refresh(
    connection: Connection, aggregate: str, window: Window, engine: Engine, force: bool
) -> None:
    statement = query(f"refresh_{engine}_forced" if force else f"refresh_{engine}")
    for attempt in stamina.retry_context(
        on=_BUSY, attempts=None, timeout=_BUSY_TIMEOUT_SECONDS, wait_initial=0.1, wait_max=5.0
    ):
        with attempt:
            connection.execute(statement, [aggregate, window.start, window.end])


def _count(connection: Connection, schema: str, name: str, window: Window) -> int:
    statement = sql.SQL(query("count_buckets")).format(sql.Identifier(schema, name))
    row = connection.execute(statement, [window.start, window.end]).fetchone()
    return int(row[0]) if row else 0
