"""Write a batch as one transaction, and prove afterwards that it is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import stamina
from psycopg import errors as pg

from promtsdb_dagster.adapters.batches import (
    TARGETS,
    Present,
    Target,
    count_rows,
    lock_keys,
    parts_of,
)
from promtsdb_dagster.adapters.copying import copy_rows, span_of, store_tags
from promtsdb_dagster.adapters.database import Connection, Database
from promtsdb_dagster.adapters.ledger import mark_verified, note_changes, read_known, record_entry
from promtsdb_dagster.adapters.sql import query, query_in
from promtsdb_dagster.adapters.totals import settle_totals
from promtsdb_dagster.adapters.verification import verify_by_key, verify_by_series
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.ports import Batch, Known, Part, Question, Tally
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import StoreError, StoreUnavailable

MINUTE = timedelta(minutes=1)


class _Overtaken(StoreError):
    """Another writer committed some of the same rows after they were counted; try again."""


# A restart of the server takes seconds; whatever lasts longer is for a person to look at.
_retried = stamina.retry(on=(StoreUnavailable, _Overtaken), attempts=6, wait_jitter=0.5)


class Writer:
    """Keep rows and the ledger of backfills in a migrated database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @_retried
    def known(self, question: Question) -> Known:
        """Return what a plan is made from, as of now."""
        with self._database.connection() as connection:
            return read_known(connection, question)

    @_retried
    def write(self, batch: Batch, still_wanted: Callable[[Known], bool]) -> Tally | None:
        """Commit rows, tags and ledger entries as one; None, and nothing, if the plan is stale.

        Safe to repeat: a repetition finds the rows and writes none.
        """
        try:
            return self._write_once(batch, still_wanted, compare=False)
        except pg.UniqueViolation:
            # Live rows came into a window that was empty a moment ago.
            return self._write_once(batch, still_wanted, compare=True)

    @_retried
    def verify(self, batch: Batch, tally: Tally) -> None:
        """Compare what is stored with the batch and mark its entries.

        Raises VerificationFailed; the entries then stay unverified and are done again.
        """
        with self._database.connection() as connection:
            for target in TARGETS:
                parts = parts_of(batch, target)
                if tally.direct and verify_by_series(connection, target, parts):
                    continue
                verify_by_key(connection, target, parts, tally.differing.total())
            for task, _ in batch.parts:
                mark_verified(connection, task)

    def _write_once(
        self, batch: Batch, still_wanted: Callable[[Known], bool], *, compare: bool
    ) -> Tally | None:
        with self._database.connection() as connection:
            for key in lock_keys(batch):
                connection.execute(query("lock_backfill"), {"key": key})
            known = read_known(connection, batch.question)
            if not still_wanted(known):
                return None
            store_tags(connection, [part for _, part in batch.parts])
            tally = Tally(direct=not compare)
            per_task = [Counter[str]() for _ in batch.parts]
            for target in TARGETS:
                self._write_target(connection, batch, known, target, tally, per_task, compare)
            for (task, part), counts in zip(batch.parts, per_task, strict=True):
                record_entry(connection, task, part, counts, batch.run_id)
            return tally

    def _write_target(
        self,
        connection: Connection,
        batch: Batch,
        known: Known,
        target: Target,
        tally: Tally,
        per_task: Sequence[Counter[str]],
        compare: bool,
    ) -> None:
        parts = parts_of(batch, target)
        span = span_of(parts)
        if span is None:
            return
        if not compare and _is_empty(connection, target, span):
            copy_rows(connection, query_in(target, "copy_metrics"), parts, with_task=False)
            present: Present = {}
        else:
            tally.direct = False
            present = _insert(connection, target, parts, span, batch, known)
        counts = count_rows(batch, parts, present, tally, per_task)
        _note_changes(connection, target, parts, counts, present)


def _insert(
    connection: Connection,
    target: Target,
    parts: Sequence[Part],
    span: Window,
    batch: Batch,
    known: Known,
) -> Present:
    """Insert what is missing; return what was there before, by task and instant."""
    connection.execute(query("create_incoming"))
    copied = copy_rows(connection, query("copy_incoming"), parts, with_task=True)
    bounds = {"start": span.start, "end": span.end}
    if target == "cumsum":
        settle_totals(connection, bounds, batch.question, known, parts)
    found = connection.execute(query_in(target, "compare_incoming"), bounds).fetchall()
    present = {(task, time): (there, differing) for task, time, there, differing in found}
    inserted = connection.execute(query_in(target, "insert_incoming")).rowcount
    expected = copied - sum(there for there, _ in present.values())
    if inserted != expected:
        raise _Overtaken(
            f"{expected - inserted} rows of {span} came from another writer while this one wrote"
        )
    return present


def _is_empty(connection: Connection, target: Target, span: Window) -> bool:
    row = connection.execute(
        query_in(target, "select_window_empty"), {"start": span.start, "end": span.end}
    ).fetchone()
    return bool(row and row[0])


def _note_changes(
    connection: Connection,
    target: Target,
    parts: Sequence[Part],
    counts: Sequence[Counter[datetime]],
    present: Present,
) -> None:
    """Note the windows in which rows were written, so that only they are refreshed."""
    changed = []
    for index, (task, _) in enumerate(parts):
        fresh = [
            instant
            for instant, count in counts[index].items()
            if count > present.get((index, instant), (0, 0))[0]
        ]
        if fresh:
            changed.append(Window(w.floor(min(fresh), MINUTE), max(fresh) + task.step))
    note_changes(connection, target, changed)
