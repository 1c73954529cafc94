"""Move on what was left behind in the staging tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.sql import query

Source = Literal["internal", "cumsum"]


@dataclass(frozen=True)
class DrainReport:
    """Count what was moved, and what is left because another session was holding it."""

    metrics_moved: int
    tags_moved: int
    left: int


class Staging:
    """Empty the landing tables of a migrated database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def drain(self, schema: Source) -> DrainReport:
        """Move every row of the schema's staging tables as the triggers do; safe to repeat."""
        with self._database.connection() as connection:
            row = connection.execute(query("drain_staging"), [schema]).fetchone()
        return DrainReport(*row) if row else DrainReport(0, 0, 0)
