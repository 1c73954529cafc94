"""Put raw rows and tags into a migrated database, and read tables back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from promtsdb_dagster.adapters.database import Database

Row = tuple[datetime, int, str, str, Any]


def put(database: Database, rows: Iterable[Row], table: str = "internal") -> None:
    """Store rows (time, tag_id, name, schema, value) as a backfill does: past staging."""
    # No COPY and small messages: the WebAssembly engine takes nothing else.
    insert = sql.SQL(
        "INSERT INTO {}.prometheus_remote_write (time, tag_id, name, schema, value) SELECT * FROM"
        " unnest(%s::timestamptz[], %s::bigint[], %s::text[], %s::text[], %s::numeric[])"
    ).format(sql.Identifier(table))
    left = [(*row[:4], str(row[4])) for row in rows]
    with database.connection() as connection:
        while left:
            batch, left = left[:400], left[400:]
            connection.execute(insert, [list(column) for column in zip(*batch, strict=True)])


def tag(database: Database, labels: Mapping[int, Mapping[str, str]]) -> None:
    """Store the labels of series by tag_id."""
    with database.connection() as connection:
        connection.execute(
            "SELECT internal.upsert_tags(%s, %s)",
            [list(labels), [Jsonb(dict(bag)) for bag in labels.values()]],
        )


def stored(database: Database, table: str) -> list[tuple[Any, ...]]:
    """Return every row of a table or view, sorted."""
    with database.connection() as connection:
        statement = sql.SQL("SELECT * FROM {} AS found ORDER BY found").format(
            sql.Identifier(*table.split("."))
        )
        return connection.execute(statement).fetchall()
