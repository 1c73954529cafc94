"""Read stored rows back, and say how they differ from a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from struct import pack, unpack

from promtsdb_dagster.adapters.batches import Found, Target
from promtsdb_dagster.adapters.copying import span_of
from promtsdb_dagster.adapters.database import Connection
from promtsdb_dagster.adapters.sql import query, query_in
from promtsdb_dagster.core.ports import Part
from promtsdb_dagster.core.samples import Series
from promtsdb_dagster.core.windows import EPOCH

# PostgreSQL counts microseconds from 2000-01-01.
_EPOCH_OF_POSTGRES = 946_684_800
_MICROSECONDS = 1_000_000
# More rows of others than that in the window, and only the rows of the batch are asked for.
_FEW = 10_000

_Key = tuple[str, str, int]


@dataclass(frozen=True)
class Compared:
    """Hold how a batch differs from what is stored, by series."""

    found: Sequence[Found] = ()
    # No row of any series is stored between the first and the last of the batch.
    empty: bool = True

    @property
    def same(self) -> bool:
        """Say whether every row is stored with its value."""
        return not any(one.missing or one.differing for one in self.found)


def compare_stored(
    connection: Connection, target: Target, parts: Sequence[Part], *, alone: bool = False
) -> Compared:
    """Compare every row of every series with what is stored, and change nothing.

    `alone` says that hardly any other rows are in the window.
    """
    span = span_of(parts)
    if span is None:
        return Compared()
    asked = [(index, series) for index, (_, part) in enumerate(parts) for series in part.series]
    bounds = {"start": span.start, "end": span.end}
    connection.execute(query("widen_memory"))
    if not alone:
        limit = 2 * sum(len(series.times) for _, series in asked) + _FEW
        row = connection.execute(
            query_in(target, "count_window"), {**bounds, "limit": limit}
        ).fetchone()
        there = row[0] if row else 0
        if not there:
            return Compared([Found(index, series, series) for index, series in asked])
        alone = there < limit
    stored = _read(connection, target, asked, bounds, alone=alone)
    packed: dict[int, bytes] = {}
    found = [
        _compare(index, series, stored.get((series.name, series.schema, series.tag_id)), packed)
        for index, series in asked
    ]
    return Compared(found, empty=False)


def _read(
    connection: Connection,
    target: Target,
    asked: Sequence[tuple[int, Series]],
    bounds: Mapping[str, object],
    *,
    alone: bool,
) -> dict[_Key, tuple[bytes, str]]:
    """Return the times, as PostgreSQL sends them, and the values of each series.

    In binary form, since psycopg takes longer for the hexadecimal one than the server for all.
    """
    name = "select_stored"
    if not alone:
        name = "select_stored_instants"
        seconds = sorted(set().union(*(series.times for _, series in asked)))
        bounds = {
            **bounds,
            "instants": [EPOCH + timedelta(seconds=second) for second in seconds],
            "tag_ids": sorted({series.tag_id for _, series in asked}),
        }
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(query_in(target, name), bounds).fetchall()
    return {(name, schema, tag): (times, values) for name, schema, tag, times, values in rows}


def _compare(
    index: int, series: Series, stored: tuple[bytes, str] | None, packed: dict[int, bytes]
) -> Found:
    if stored is None:
        return Found(index, series, series)
    times, values = stored
    # One unit's series mostly share their times.
    key = id(series.times)
    if key not in packed:
        packed[key] = _pack(series.times)
    if times == packed[key] and values == ",".join(series.values):
        return Found(index, series)
    there = dict(zip(_unpack(times), values.split(","), strict=True))
    missing: list[int] = []
    differing: list[int] = []
    for position, (second, value) in enumerate(zip(series.times, series.values, strict=True)):
        found = there.get(second * _MICROSECONDS)
        if found is None:
            missing.append(position)
        elif found != value and Decimal(found) != Decimal(value):
            differing.append(second)
    return Found(index, series, _pick(series, missing), differing)


def _pick(series: Series, positions: Sequence[int]) -> Series | None:
    if not positions:
        return None
    return replace(
        series,
        times=[series.times[position] for position in positions],
        values=[series.values[position] for position in positions],
    )


def _pack(seconds: Sequence[int]) -> bytes:
    return pack(
        f"!{len(seconds)}q",
        *[(second - _EPOCH_OF_POSTGRES) * _MICROSECONDS for second in seconds],
    )


def _unpack(times: bytes) -> list[int]:
    """Return microseconds since 1970."""
    offset = _EPOCH_OF_POSTGRES * _MICROSECONDS
    return [moment + offset for moment in unpack(f"!{len(times) // 8}q", times)]
