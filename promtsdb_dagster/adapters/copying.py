"""Send series to the database by COPY."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import lru_cache

import orjson
from psycopg import sql
from typing_extensions import LiteralString

from promtsdb_dagster.adapters.database import Connection
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.ports import Part
from promtsdb_dagster.core.samples import Converted
from promtsdb_dagster.core.windows import EPOCH, Window


def copy_rows(
    connection: Connection,
    statement: sql.Composed | LiteralString,
    parts: Sequence[Part],
    *,
    with_task: bool,
) -> int:
    """Copy all rows by a COPY statement, and return how many they are.

    As text: the values are decimals already, and NUMERIC in binary would cost five times as much
    in Python.
    """
    # In the order in which every writer takes its rows, so that two of them cannot deadlock.
    all_series = sorted(
        ((index, series) for index, (_, part) in enumerate(parts) for series in part.series),
        key=lambda item: (item[1].tag_id, item[1].name, item[1].schema),
    )
    lines: dict[int, list[str]] = defaultdict(list)
    for index, series in all_series:
        task = f"{index}\t" if with_task else ""
        middle = f"\t{series.tag_id}\t{_escape(series.name)}\t{_escape(series.schema)}\t"
        for time, value in zip(series.times, series.values, strict=True):
            lines[time].append(f"{task}{_timestamp(time)}{middle}{value}\n")
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for time in sorted(lines):
            copy.write("".join(lines.pop(time)))
    return sum(part.rows for _, part in parts)


def store_tags(connection: Connection, parts: Iterable[Converted]) -> None:
    """Store the tags of all series; what is known stays known."""
    tags = {series.tag_id: series.tags for part in parts for series in part.series}
    if tags:
        documents = [orjson.dumps(dict(labels)).decode() for labels in tags.values()]
        connection.execute(query("upsert_tags"), {"tag_ids": list(tags), "tags": documents})


def span_of(parts: Iterable[Part]) -> Window | None:
    """Return the smallest window that holds all rows of the parts, or None."""
    times = [s.times for _, part in parts for s in part.series if s.times]
    if not times:
        return None
    first, last = min(t[0] for t in times), max(t[-1] for t in times)
    return Window(EPOCH + timedelta(seconds=first), EPOCH + timedelta(seconds=last, microseconds=1))


@lru_cache(maxsize=100_000)
def _timestamp(second: int) -> str:
    return (EPOCH + timedelta(seconds=second)).isoformat(" ")


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
