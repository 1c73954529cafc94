"""Write a batch as one transaction, and prove afterwards that it is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache

import stamina
from psycopg import errors as pg

from promtsdb_dagster.adapters.batches import (
    TARGETS,
    changed_windows,
    count_rows,
    lock_keys,
    missing_parts,
    parts_of,
)
from promtsdb_dagster.adapters.chunks import open_chunks
from promtsdb_dagster.adapters.copying import copy_rows, span_of, store_tags
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.ledger import mark_verified, note_changes, read_known, record_entries
from promtsdb_dagster.adapters.sql import query, query_in
from promtsdb_dagster.adapters.totals import compare_settled
from promtsdb_dagster.adapters.verification import verify_rows
from promtsdb_dagster.core.ports import Batch, Known, Question, Tally
from promtsdb_dagster.errors import StoreError, StoreUnavailable


class _Overtaken(StoreError):
    """Another writer committed some of the same rows after they were counted; try again."""


# A restart of the server takes seconds; whatever lasts longer is for a person to look at.
_retried = stamina.retry(on=StoreUnavailable, attempts=6, wait_jitter=0.5)
# Each time fewer rows are left that others may bring, however long a write takes; a full buffer of
# Telegraf takes seconds to flush.
_until_alone = stamina.retry(on=_Overtaken, attempts=12, timeout=None, wait_jitter=0.5)


class Writer:
    """Keep rows and the ledger of backfills in a migrated database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._engine = cache(database.engine)

    @_retried
    def known(self, question: Question) -> Known:
        """Return what a plan is made from, as of now."""
        with self._database.connection() as connection:
            return read_known(connection, question)

    def session(self) -> AbstractContextManager[None]:
        """Keep connections open between calls, to be closed at the end."""
        return self._database.keeping()

    @_until_alone
    @_retried
    def write(self, batch: Batch, still_wanted: Callable[[Known], bool]) -> Tally | None:
        """Commit rows, tags and ledger entries as one; None, and nothing, if the plan is stale.

        Safe to repeat: a repetition finds the rows and writes none.
        """
        if self._engine() == "timescaledb":
            with self._database.connection() as connection:
                open_chunks(connection, batch)
        try:
            return self._write_once(batch, still_wanted)
        except pg.UniqueViolation as error:
            raise _Overtaken(
                f"rows of {batch.span} came from another writer while this one wrote; nothing was "
                "written, wanted one writer at a time for a range; run the same partitions again"
            ) from error

    @_retried
    def verify(self, batch: Batch, tally: Tally) -> None:
        """Compare what is stored with the batch and mark its entries.

        Raises VerificationFailed; the entries then stay unverified and are done again.
        """
        with self._database.connection() as connection:
            if not tally.proven:
                for target in TARGETS:
                    parts = parts_of(batch, target)
                    verify_rows(connection, target, parts, tally)
            mark_verified(connection, [task for task, _ in batch.parts])

    def _write_once(self, batch: Batch, still_wanted: Callable[[Known], bool]) -> Tally | None:
        with self._database.connection() as connection:
            for key in lock_keys(batch):
                connection.execute(query("lock_backfill"), {"key": key})
            known = read_known(connection, batch.question)
            if not still_wanted(known):
                return None
            store_tags(connection, [part for _, part in batch.parts])
            tally = Tally(direct=True)
            per_task = [Counter[str]() for _ in batch.parts]
            for target in TARGETS:
                parts = parts_of(batch, target)
                compared = compare_settled(connection, target, parts, batch.question, known)
                found = compared.found
                tally.direct = tally.direct and compared.empty
                count_rows(batch, found, tally, per_task)
                missing = missing_parts(parts, found)
                if span_of(missing):
                    # Of rows that come meanwhile from elsewhere the unique key tells; with
                    # ON CONFLICT all rows would pay for them.
                    statement = query_in(target, "copy_metrics")
                    copy_rows(connection, statement, missing, with_task=False)
                note_changes(connection, target, changed_windows(parts, found))
            # Then all rows were read back as others had committed them.
            tally.proven = not tally.written.total()
            record_entries(connection, batch, per_task)
            return tally
