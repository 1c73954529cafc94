"""Send series to the database by COPY."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import lru_cache

import orjson
from psycopg import sql
from typing_extensions import LiteralString

from promtsdb_dagster.adapters.database import Connection
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.plan import Task
from promtsdb_dagster.core.samples import Converted
from promtsdb_dagster.core.windows import EPOCH

# Large enough that the socket is the limit, small enough to stay out of the way of memory.
_BLOCK_ROWS = 5_000


def copy_rows(
    connection: Connection,
    statement: sql.Composed | LiteralString,
    parts: Sequence[tuple[Task, Converted]],
    *,
    with_task: bool,
) -> int:
    """Copy all rows by a COPY statement, and return how many they are.

    As text: the values are decimals already, and NUMERIC in binary would cost five times as much
    in Python.
    """
    copied = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for index, (_, part) in enumerate(parts):
            task = f"{index}\t" if with_task else ""
            for series in part.series:
                middle = f"\t{series.tag_id}\t{_escape(series.name)}\t{_escape(series.schema)}\t"
                rows = zip(series.times, series.values, strict=True)
                lines = [f"{task}{_timestamp(time)}{middle}{value}\n" for time, value in rows]
                for start in range(0, len(lines), _BLOCK_ROWS):
                    copy.write("".join(lines[start : start + _BLOCK_ROWS]))
                copied += len(lines)
    return copied


def store_tags(connection: Connection, parts: Iterable[Converted]) -> None:
    """Store the tags of all series; what is known stays known."""
    tags = {series.tag_id: series.tags for part in parts for series in part.series}
    if tags:
        documents = [orjson.dumps(dict(labels)).decode() for labels in tags.values()]
        connection.execute(query("upsert_tags"), {"tag_ids": list(tags), "tags": documents})


def seconds_of(parts: Iterable[Converted]) -> tuple[int | None, int | None]:
    """Return the first and the last unix second of all rows."""
    bounds = [(s.times[0], s.times[-1]) for part in parts for s in part.series if s.times]
    if not bounds:
        return None, None
    return min(first for first, _ in bounds), max(last for _, last in bounds)


@lru_cache(maxsize=100_000)
def _timestamp(second: int) -> str:
    return (EPOCH + timedelta(seconds=second)).isoformat(" ")


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
