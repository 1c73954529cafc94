"""Ask the API's functions in SQL, with no more rights than a visitor has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.sql import query


@dataclass(frozen=True)
class Answer:
    """Hold the rows of one question."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


class Answers:
    """Read from schema `api` as role web_anon."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, name: str) -> Answer:
        """Return what `sql/queries/<name>.sql` gives to a visitor."""
        with (
            self._database.connection() as connection,
            # What becoming a visitor takes is taken back in any case.
            connection.transaction(force_rollback=True),
        ):
            connection.execute(query("become_visitor"))
            cursor = connection.execute(query(name))
            columns = tuple(column.name for column in cursor.description or ())
            return Answer(columns, tuple(cursor.fetchall()))
