"""Copy rows of a table from one database to another, proven equal, in one transaction each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg import sql

from promtsdb_dagster.adapters.database import Connection, Database
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import StoreError

# What becomes of rows that the target has and that are not the source's: `keep` them, and refuse
# to go on, or `drop` them, as the target is known to be a copy.
Others = Literal["keep", "drop"]


@dataclass(frozen=True)
class Relation:
    """Name a table by what it is in each database; they may have another name on another engine."""

    source: str
    target: str
    columns: tuple[str, ...]
    # The column of time, if it is copied window by window.
    time: str | None = None


class Copier:
    """Copy between two migrated databases."""

    def __init__(self, source: Database, target: Database) -> None:
        self._source = source
        self._target = target

    @contextmanager
    def moment(self) -> Iterator[Connection]:
        """Lend a connection to which the source stays as it is now, whatever is committed."""
        with self._source.connection() as connection:
            connection.execute(query("move_snapshot"))
            connection.execute(query("move_moment"))
            yield connection

    def copy(
        self,
        relation: Relation,
        window: Window | None = None,
        others: Others = "keep",
        moment: Connection | None = None,
    ) -> int:
        """Make the rows of the target those of the source, as of `moment` or of now.

        Returns how many were sent, none where they were equal already. Safe to repeat. Raises
        StoreError, with nothing done, when the target has rows of its own.
        """
        with ExitStack() as stack:
            source = moment or stack.enter_context(self.moment())
            target = stack.enter_context(self._target.connection())
            wanted = _fingerprint(source, relation, relation.source, window)
            found = _fingerprint(target, relation, relation.target, window)
            if found == wanted:
                return 0
            if others == "drop" and found[0]:
                target.execute(_composed("move_empty", relation, relation.target, window))
            if others == "drop" or not found[0]:
                _send(source, target, relation, relation.target, window)
            else:
                target.execute(_composed("move_landing", relation, relation.target, None))
                _send(source, target, relation, "pg_temp.moved", window)
                target.execute(_composed("move_complete", relation, relation.target, None))
            now = _fingerprint(target, relation, relation.target, window)
            if now != wanted:
                raise StoreError(
                    f"{relation.target} has {now[0]} rows{_in(window)} and its source has "
                    f"{wanted[0]}, wanted the same ones; nothing of it was written. The database "
                    "of DATABASE_URL is to be a new one, or the one that this move began with, "
                    "and nobody else may write to it yet"
                )
            return int(wanted[0])

    def bounds(self, relation: Relation) -> tuple[datetime, datetime] | None:
        """Return the first and the last time of the source, or None if it is empty."""
        return _bounds(self._source, relation, relation.source)

    def require_older(self, relation: Relation) -> None:
        """Raise StoreError where the target has rows behind the last of the source."""
        mine = _bounds(self._target, relation, relation.target)
        theirs = _bounds(self._source, relation, relation.source)
        if mine and (theirs is None or mine[1] > theirs[1]):
            raise StoreError(
                f"{relation.target} has rows up to {mine[1]} and its source up to "
                f"{theirs[1] if theirs else 'none'}, wanted no later ones: the database of "
                "DATABASE_URL has begun to live, and its bookkeeping is its own. Nothing of that "
                "was changed. Where an earlier move had ended, you need no other: backfill_live "
                "brings what came meanwhile; else stop what writes to it and begin with a new one"
            )

    def relation(
        self,
        name: str,
        time: str | None = None,
        store: Callable[[Connection], str] | None = None,
    ) -> Relation:
        """Return a table of both databases, with the columns that the target can write."""
        with self._source.connection() as connection:
            source = store(connection) if store else name
        with self._target.connection() as connection:
            target = store(connection) if store else name
            columns = connection.execute(query("move_columns"), [target]).fetchall()
        return Relation(source, target, tuple(column for (column,) in columns), time)


def _bounds(database: Database, relation: Relation, table: str) -> tuple[datetime, datetime] | None:
    with database.connection() as connection:
        row = connection.execute(
            sql.SQL(query("move_bounds")).format(
                time=sql.Identifier(relation.time or ""), table=_table(table)
            )
        ).fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


def _send(
    source: Connection, target: Connection, relation: Relation, into: str, window: Window | None
) -> None:
    out = _composed("move_out", relation, relation.source, window)
    with (
        source.cursor() as reader,
        target.cursor() as writer,
        reader.copy(out) as rows,
        writer.copy(_composed("move_in", relation, into, None)) as sink,
    ):
        for block in rows:
            sink.write(block)


def _fingerprint(
    connection: Connection, relation: Relation, table: str, window: Window | None
) -> tuple[int, object]:
    row = connection.execute(_composed("move_fingerprint", relation, table, window)).fetchone()
    return (int(row[0]), row[1]) if row else (0, 0)


def _composed(name: str, relation: Relation, table: str, window: Window | None) -> sql.Composed:
    where: sql.Composable = sql.SQL("")
    if window and relation.time:
        # COPY takes no parameters.
        where = sql.SQL(query("move_window")).format(
            time=sql.Identifier(relation.time),
            start=sql.Literal(window.start),
            end=sql.Literal(window.end),
        )
    return sql.SQL(query(name)).format(
        table=_table(table),
        columns=sql.SQL(", ").join(map(sql.Identifier, relation.columns)),
        where=where,
    )


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(*(part.strip('"') for part in name.split(".")))


def _in(window: Window | None) -> str:
    return f" in {window}" if window else ""
