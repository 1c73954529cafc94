"""Open the chunks of a window before the transaction that fills them."""

from __future__ import annotations

from promtsdb_dagster.adapters.batches import TARGETS, parts_of
from promtsdb_dagster.adapters.copying import span_of
from promtsdb_dagster.adapters.database import Connection
from promtsdb_dagster.adapters.sql import query_in
from promtsdb_dagster.core.ports import Batch


def open_chunks(connection: Connection, batch: Batch) -> None:
    """Create the chunks that the rows of a batch will need, empty. On TimescaleDB only.

    Safe to repeat.
    """
    for target in TARGETS:
        span = span_of(parts_of(batch, target))
        if span is None:
            continue
        window = {"schema": target, "start": span.start, "end": span.end}
        if connection.execute(query_in(target, "open_chunks"), window).rowcount:
            connection.execute(query_in(target, "clear_opened_chunks"), window)
