"""Look at what the database holds, without changing it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from psycopg import sql

from promtsdb_dagster.adapters.database import Connection, Database
from promtsdb_dagster.adapters.sql import query, query_in


@dataclass(frozen=True)
class Stored:
    """Hold how full one table is; rows are an estimate."""

    key: tuple[str, str]
    rows: int
    oldest: datetime | None
    newest: datetime | None
    size_bytes: int


@dataclass(frozen=True)
class GroupProgress:
    """Hold how far one rule group is, as its ledger says."""

    group: str
    windows: int
    rows_written: int


class Inventory:
    """Read the state of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_migrated(self) -> bool:
        """Return whether the backfill's ledger exists."""
        return bool(self._one("select_is_migrated")[0])

    def is_ledger_empty(self) -> bool:
        """Return whether no window was ever backfilled."""
        return bool(self._one("select_is_ledger_empty")[0])

    def live_mark(self) -> datetime | None:
        """Return from where on all running totals are live, or None while nothing is."""
        return cast("datetime | None", self._one("select_live_mark")[0])

    def identity(self) -> str:
        """Return a text that another database, or the same one made anew, does not have."""
        return str(self._one("select_identity")[0])

    def staged(self, schema: str) -> int:
        """Return how many rows wait in the staging tables of `internal` or `cumsum`."""
        with self._database.connection() as connection:
            row = connection.execute(query_in(f"staging_{schema}", "count_staged")).fetchone()
        return int(row[0]) if row else 0

    def arrived(self) -> int:
        """Return how many samples came through staging since the server began to count."""
        return int(self._one("count_arrived")[0])

    def refused(self, schema: str) -> dict[str, int]:
        """Return how many rows staging refused since yesterday, UTC, by reason."""
        with self._database.connection() as connection:
            return dict(connection.execute(query("select_refused"), [schema]).fetchall())

    def stored(self) -> list[Stored]:
        """Return the state of the three tables that hold samples and tags."""
        statement = query(f"select_stored_{self._database.engine()}")
        with self._database.connection() as connection:
            rows = connection.execute(statement).fetchall()
        return [
            Stored((schema, name), int(count), oldest, newest, int(size))
            for schema, name, count, oldest, newest, size in rows
        ]

    def stored_buckets(self) -> list[Stored]:
        """Return the state of the aggregates, without their hours and days."""
        statement = query(f"select_stored_buckets_{self._database.engine()}")
        with self._database.connection() as connection:
            return [
                Stored((schema, name), int(count), *_bounds(connection, *store), int(size))
                for schema, name, count, size, *store in connection.execute(statement).fetchall()
            ]

    def buckets(self, tables: Iterable[tuple[str, str]]) -> dict[str, int]:
        """Return how many rows each table, given by schema and name, holds; reads all of them."""
        counts = {}
        with self._database.connection() as connection:
            for schema, name in tables:
                statement = sql.SQL(query("count_rows")).format(table=sql.Identifier(schema, name))
                row = connection.execute(statement).fetchone()
                counts[f"{schema}.{name}"] = int(row[0]) if row else 0
        return counts

    def progress(self) -> list[GroupProgress]:
        """Return how much each rule group has stored."""
        with self._database.connection() as connection:
            rows = connection.execute(query("select_backfill_progress")).fetchall()
        return [GroupProgress(group, int(done), int(count)) for group, done, count in rows]

    def _one(self, name: str) -> tuple[Any, ...]:
        with self._database.connection() as connection:
            row = connection.execute(query(name)).fetchone()
        return row or (None,)


def _bounds(
    connection: Connection, schema: str, name: str
) -> tuple[datetime | None, datetime | None]:
    statement = sql.SQL(query("select_bucket_bounds"))
    row = connection.execute(statement.format(store=sql.Identifier(schema, name))).fetchone()
    return (row[0], row[1]) if row else (None, None)
