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
from promtsdb_dagster.adapters.copying import span_of
from promtsdb_dagster.adapters.database import Connection, Database
from promtsdb_dagster.adapters.ledger import (
    confirm_entry,
    note_changes,
    read_known,
    record_entries,
)
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.adapters.stored import compare_stored
from promtsdb_dagster.adapters.totals import compare_settled
from promtsdb_dagster.adapters.verification import verify_rows
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
            per_task = [Counter[str]() for _ in batch.parts]
            for target in TARGETS:
                parts = parts_of(batch, target)
                compared = compare_settled(connection, target, parts, batch.question, known)
                count_rows(batch, compared.found, tally, per_task)
            for counts in per_task:
                # What is still to come is not written yet.
                del counts["written"]
            record_entries(connection, batch, per_task)
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
                verify_rows(connection, target, parts_of(batch, target), tally)
            if tags := _lacking_tags(connection, batch.parts):
                raise VerificationFailed(
                    f"the tags of {tags} series are not stored, wanted those of all; run the same "
                    "partitions again"
                )
            changed = [part for part in batch.parts if confirm_entry(connection, part[0])]
            for target in TARGETS:
                _note_changes(connection, target, only(changed, target))


def _lacking_rows(connection: Connection, target: Target, parts: Sequence[Part]) -> Counter[str]:
    rows = Counter[str]()
    for one in compare_stored(connection, target, parts).found:
        if one.missing:
            rows[one.series.name] += len(one.missing.times)
    return rows


def _lacking_tags(connection: Connection, parts: Sequence[Part]) -> int:
    tags = {series.tag_id: series.tags for _, part in parts for series in part.series}
    documents = [orjson.dumps(dict(labels)).decode() for labels in tags.values()]
    row = connection.execute(
        query("count_lacking_tags"), {"tag_ids": list(tags), "tags": documents}
    ).fetchone()
    return int(row[0]) if row else 0


def _note_changes(connection: Connection, target: Target, parts: Sequence[Part]) -> None:
    """Note where rows came: staging notes only what the refresh policies no longer reach."""
    changed = []
    for task, part in parts:
        span = span_of([(task, part)])
        if span:
            end = w.floor(span.end, task.step) + task.step
            changed.append(Window(w.floor(span.start, _MINUTE), end))
    note_changes(connection, target, changed)
