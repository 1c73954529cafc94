"""Compare stored rows with what the source returned."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal

from promtsdb_dagster.adapters.copying import copy_rows, span_of
from promtsdb_dagster.adapters.database import Connection
from promtsdb_dagster.adapters.sql import query, query_in
from promtsdb_dagster.core.ports import Part
from promtsdb_dagster.errors import VerificationFailed

# From 5e-324 to 1.8e308 in one sum without rounding.
_EXACT = Context(prec=1_500)

_SeriesKey = tuple[str, str, int]


def verify_by_series(connection: Connection, target: str, parts: Sequence[Part]) -> bool:
    """Return whether the count and the exact sum of every series are those of the source."""
    span = span_of(parts)
    if span is None:
        return True
    stored = connection.execute(
        query_in(target, "sum_series"),
        {"start": span.start, "end": span.end},
    ).fetchall()
    wanted: dict[_SeriesKey, tuple[int, Decimal]] = {}
    for _, part in parts:
        for series in part.series:
            key = (series.name, series.schema, series.tag_id)
            count, total = wanted.get(key, (0, Decimal(0)))
            for value in series.values:
                total = _EXACT.add(total, Decimal(value))
            wanted[key] = (count + len(series.values), total)
    return {(name, schema, tag): (n, total) for name, schema, tag, n, total in stored} == wanted


def verify_by_key(
    connection: Connection,
    target: str,
    parts: Sequence[Part],
    differing_before: int,
) -> None:
    """Raise VerificationFailed unless every row of the source is stored.

    Rows that were there before may differ from the source; no more of them than were counted.
    """
    span = span_of(parts)
    if span is None:
        return
    connection.execute(query("create_incoming"))
    copied = copy_rows(connection, query("copy_incoming"), parts, with_task=True)
    rows = connection.execute(
        query_in(target, "compare_incoming"),
        {"start": span.start, "end": span.end},
    ).fetchall()
    present = sum(row[2] for row in rows)
    differing = sum(row[3] for row in rows)
    if present != copied or differing > differing_before:
        raise VerificationFailed(
            f"of {copied} rows that the source returned for {target}, {copied - present} are not "
            f"stored and {differing} have another value, wanted 0 and at most {differing_before}; "
            "look for another writer or a fault of the disk, then run the same partitions again"
        )
