"""Keep the ledger of batches whose rows come by way of staging, and prove that they came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

import orjson
import stamina

from promtsdb_dagster.adapters.batches import (
    TARGETS,
    Target,
    count_rows,
    lock_keys,
    only,
    parts_of,
)
from promtsdb_dagster.adapters.copying import copy_rows, span_of
from promtsdb_dagster.adapters.database import Connection, Database
from promtsdb_dagster.adapters.ledger import confirm_entry, note_changes, read_known, record_entry
from promtsdb_dagster.adapters.sql import query, query_in
from promtsdb_dagster.adapters.totals import settle_totals
from promtsdb_dagster.adapters.verification import verify_by_key
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.ports import Batch, Known, Part, Tally
from promtsdb_dagster.core.replaying import Lacking
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import StoreUnavailable, VerificationFailed

_MINUTE = timedelta(minutes=1)

_retried = stamina.retry(on=StoreUnavailable, attempts=6, wait_jitter=0.5)


class Reservations:
    """Reserve windows in the ledger of a migrated database, and confirm them later."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @_retried
    def reserve(self, batch: Batch, still_wanted: Callable[[Known], bool]) -> Tally | None:
        """Commit the unverified entries of a batch without its rows; None if the plan is stale.

        Safe to repeat.
        """
        with self._database.connection() as connection:
            for key in lock_keys(batch):
                connection.execute(query("lock_backfill"), {"key": key})
            known = read_known(connection, batch.question)
            if not still_wanted(known):
                return None
            tally = Tally()
            present = [Counter[str]() for _ in batch.parts]
            for target in TARGETS:
                _count_present(connection, batch, known, target, tally, present)
            for (task, part), counts in zip(batch.parts, present, strict=True):
                record_entry(connection, task, part, counts, batch.run_id)
            return tally

    @_retried
    def lacking(self, parts: Sequence[Part]) -> Lacking:
        """Count what of the parts is not stored now."""
        with self._database.connection() as connection:
            rows = Counter[str]()
            for target in TARGETS:
                rows += _lacking_rows(connection, target, only(parts, target))
            return Lacking(rows, _lacking_tags(connection, parts))

    @_retried
    def confirm(self, batch: Batch, tally: Tally) -> None:
        """Compare what is stored with the batch and mark its entries.

        Raises VerificationFailed; the entries then stay unverified and are done again.
        """
        with self._database.connection() as connection:
            for target in TARGETS:
                verify_by_key(connection, target, parts_of(batch, target), tally.differing.total())
            if tags := _lacking_tags(connection, batch.parts):
                raise VerificationFailed(
                    f"the tags of {tags} series are not stored, wanted those of all; run the same "
                    "partitions again"
                )
            changed = [part for part in batch.parts if confirm_entry(connection, part[0])]
            for target in TARGETS:
                _note_changes(connection, target, only(changed, target))


def _count_present(
    connection: Connection,
    batch: Batch,
    known: Known,
    target: Target,
    tally: Tally,
    per_task: Sequence[Counter[str]],
) -> None:
    """Count the rows that are there before, and those that are still to come."""
    parts = parts_of(batch, target)
    span = span_of(parts)
    if span is None:
        return
    _copy_incoming(connection, parts)
    bounds = {"start": span.start, "end": span.end}
    if target == "cumsum":
        settle_totals(connection, bounds, batch.question, known, parts)
    found = connection.execute(query_in(target, "compare_incoming"), bounds).fetchall()
    present = {(task, time): (there, differing) for task, time, there, differing in found}
    count_rows(batch, parts, present, tally, per_task)
    for counts in per_task:
        # What is still to come is not written yet.
        del counts["written"]


def _lacking_rows(connection: Connection, target: Target, parts: Sequence[Part]) -> Counter[str]:
    span = span_of(parts)
    if span is None:
        return Counter()
    _copy_incoming(connection, parts)
    bounds = {"start": span.start, "end": span.end}
    return Counter(dict(connection.execute(query_in(target, "count_lacking"), bounds).fetchall()))


def _lacking_tags(connection: Connection, parts: Sequence[Part]) -> int:
    tags = {series.tag_id: series.tags for _, part in parts for series in part.series}
    documents = [orjson.dumps(dict(labels)).decode() for labels in tags.values()]
    row = connection.execute(
        query("count_lacking_tags"), {"tag_ids": list(tags), "tags": documents}
    ).fetchone()
    return int(row[0]) if row else 0


def _copy_incoming(connection: Connection, parts: Sequence[Part]) -> None:
    connection.execute(query("create_incoming"))
    copy_rows(connection, query("copy_incoming"), parts, with_task=True)


def _note_changes(connection: Connection, target: Target, parts: Sequence[Part]) -> None:
    """Note where rows came: staging notes only what the refresh policies no longer reach."""
    changed = []
    for task, part in parts:
        span = span_of([(task, part)])
        if span:
            end = w.floor(span.end, task.step) + task.step
            changed.append(Window(w.floor(span.start, _MINUTE), end))
    note_changes(connection, target, changed)
