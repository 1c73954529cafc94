"""Exchange all rows of some metrics in a window, and their ledger entries, as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import stamina
from psycopg import errors as pg
from psycopg import sql

from promtsdb_dagster.adapters.batches import TARGETS, Target, only
from promtsdb_dagster.adapters.chunks import open_chunks
from promtsdb_dagster.adapters.copying import copy_rows, span_of, store_tags
from promtsdb_dagster.adapters.database import Connection, Database
from promtsdb_dagster.adapters.ledger import mark_verified, note_changes, record_entries
from promtsdb_dagster.adapters.sql import query, query_in
from promtsdb_dagster.adapters.stored import compare_stored
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.exchange import Exchange, Exchanged
from promtsdb_dagster.core.plan import Entry
from promtsdb_dagster.core.ports import Batch, Known, Part, Question, Stray
from promtsdb_dagster.core.windows import EPOCH, Window
from promtsdb_dagster.errors import (
    LossRefused,
    StoreError,
    StoreUnavailable,
    VerificationFailed,
)

_MINUTE = timedelta(minutes=1)
# An hour's sample stands for minutes before it.
_REACH = timedelta(days=1)


class _Overtaken(StoreError):
    """Live rows came while these were written; try again."""


_retried = stamina.retry(on=StoreUnavailable, attempts=6, wait_jitter=0.5)
_until_alone = stamina.retry(on=_Overtaken, attempts=12, timeout=None, wait_jitter=0.5)


class Replacer:
    """Exchange rows and ledger entries of a migrated database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._engine = cache(database.engine)

    def session(self) -> AbstractContextManager[None]:
        """Keep connections open between calls, to be closed at the end."""
        return self._database.keeping()

    @_retried
    def known_of(self, names: Sequence[str], window: Window) -> Known:
        """Return the entries of metrics in all groups, live starts, and unexplained rows."""
        with self._database.connection() as connection:
            return _read(connection, names, window)

    @_until_alone
    @_retried
    def exchange(
        self, exchange: Exchange, still_wanted: Callable[[Known], bool]
    ) -> Exchanged | None:
        """Exchange rows and entries as one, verified; None, and nothing, if the plan is stale.

        Raises LossRefused, with nothing done, where an instant would be left without rows. Safe
        to repeat.
        """
        batch = _batch(exchange)
        if self._engine() == "timescaledb":
            with self._database.connection() as connection:
                open_chunks(connection, batch)
        with self._database.connection() as connection:
            # Before the lock of running totals: Telegraf sends new tags, and then rows that wait
            # for the lock, in one transaction. Tags without rows harm nobody.
            store_tags(connection, [part for _, part in exchange.rows])
        try:
            with self._database.connection() as connection:
                return self._exchange(connection, exchange, batch, still_wanted)
        except pg.UniqueViolation as error:
            raise _Overtaken(
                f"rows of {exchange.window} came from another writer while this one wrote; "
                "nothing was changed, wanted one writer at a time; run the same again"
            ) from error

    def _exchange(
        self,
        connection: Connection,
        exchange: Exchange,
        batch: Batch,
        still_wanted: Callable[[Known], bool],
    ) -> Exchanged | None:
        window = exchange.window
        if exchange.is_cumulative:
            # Live rows of running totals wait until the ledger says what their minutes are.
            connection.execute(query("lock_backfill"), {"key": "cumsum"})
        connection.execute(query("lock_ledger"))
        if not still_wanted(_read(connection, exchange.names, window)):
            return None
        if self._engine() == "timescaledb":
            connection.execute(query("lift_decompression_limit"))
        lost = lost_instants(connection, exchange)
        bounds = {"start": window.start, "end": window.end}
        connection.execute(query("cut_ledger"), {**bounds, "names": list(exchange.names)})
        # Again, as they may have been retired meanwhile; mostly none is lacking.
        store_tags(connection, [part for _, part in exchange.rows])
        deleted = written = 0
        for target in TARGETS:
            rows = only(exchange.rows, target)
            gone = [_delete(connection, target, name, window) for name in exchange.names]
            deleted += sum(count for count, _ in gone)
            if span_of(rows):
                written += copy_rows(
                    connection, query_in(target, "copy_metrics"), rows, with_task=False
                )
            _verify(connection, target, rows)
            spans = [span for _, span in gone if span] + [s for s in [span_of(rows)] if s]
            note_changes(connection, target, [_minutes(span) for span in spans])
        if lost.total():
            # Asked for again next time: an empty answer is never taken for done.
            batch = replace(batch, parts=tuple(part for part in batch.parts if part[1].rows))
        record_entries(connection, batch, _counts(exchange, batch))
        mark_verified(connection, [task for task, _ in batch.parts])
        return Exchanged(deleted, written, lost.total())


def _read(connection: Connection, names: Sequence[str], window: Window) -> Known:
    near = {
        "names": list(names),
        "start": window.start - _REACH,
        "end": window.end + _REACH,
    }
    rows = connection.execute(query("select_ledger_of_metrics"), near).fetchall()
    entries = [
        Entry(group, rule, record, step, Window(start, end), verified)
        for group, rule, record, step, start, end, verified in rows
    ]
    live_since: dict[str, datetime] = dict(
        connection.execute(query("select_live_start")).fetchall()
    )
    bounds = {"start": window.start, "end": window.end}
    strays = [
        *connection.execute(query("select_strays"), {**bounds, "records": list(names)}),
        *connection.execute(query("select_gauge_strays"), {**bounds, "names": list(names)}),
    ]
    return Known(
        entries,
        {name: live_since[name] for name in names if name in live_since},
        [Stray(*stray) for stray in strays],
    )


def _batch(exchange: Exchange) -> Batch:
    """Return it in the form in which rows and entries are written."""
    question = Question("", _MINUTE, exchange.window, (), _MINUTE)
    return Batch(question, (exchange.window,), exchange.parts, exchange.run_id)


def _counts(exchange: Exchange, batch: Batch) -> Sequence[Counter[str]]:
    each = zip(exchange.parts, exchange.per_task, strict=True)
    counts = {task.order: count for (task, _), count in each}
    return [counts[task.order] for task, _ in batch.parts]


def lost_instants(connection: Connection, exchange: Exchange) -> Counter[str]:
    """Count the instants that have rows and would have none; raise unless that is accepted."""
    coming: dict[str, set[int]] = {name: set() for name in exchange.names}
    for _, part in exchange.rows:
        for series in part.series:
            coming[series.name].update(series.times)
    bounds = {"start": exchange.window.start, "end": exchange.window.end}
    lost: Counter[str] = Counter()
    for name in exchange.names:
        stored: set[datetime] = set()
        for target in TARGETS:
            rows = connection.execute(
                query_in(target, "select_metric_instants"), {**bounds, "name": name}
            )
            stored.update(row[1] for row in rows)
        gone = sum((instant - EPOCH).total_seconds() not in coming[name] for instant in stored)
        if gone and not exchange.accept_loss:
            raise LossRefused(
                f"{name!r} is stored at {len(stored)} instants of {exchange.window} and the source "
                f"answers {len(coming[name])}, so {gone} would be left without a row; look whether "
                "its history still reaches that far back, choose a later FROM, or say "
                "`accept_loss` (--accept-loss)"
            )
        lost[name] += gone
    return lost


def _delete(
    connection: Connection, target: Target, name: str, window: Window
) -> tuple[int, Window | None]:
    statement = sql.SQL(query("delete_metric")).format(
        schema=sql.Identifier(target), source=sql.Literal(target)
    )
    row = connection.execute(
        statement, {"name": name, "start": window.start, "end": window.end}
    ).fetchone()
    if row is None or not row[0]:
        return 0, None
    return int(row[0]), Window(row[1], row[2] + timedelta(microseconds=1))


def _verify(connection: Connection, target: Target, rows: Sequence[Part]) -> None:
    """Raise, and so undo all of it, unless every row is there as it should be."""
    compared = compare_stored(connection, target, rows)
    if not compared.same:
        raise VerificationFailed(
            f"rows of {target} are not stored as they were sent, wanted all of them; nothing was "
            "changed; look for a fault of the disk, then run the same again"
        )


def _minutes(span: Window) -> Window:
    return Window(w.floor(span.start, _MINUTE), w.ceil(span.end, _MINUTE))
