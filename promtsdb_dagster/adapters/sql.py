"""Load the statements of `sql/queries/`, one a file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from psycopg import sql
from typing_extensions import LiteralString

QUERIES_DIR = Path(__file__).resolve().parents[2] / "sql" / "queries"


@cache
def query(name: str) -> LiteralString:
    """Return the text of `sql/queries/<name>.sql`."""
    return (QUERIES_DIR / f"{name}.sql").read_text(encoding="utf-8")


def query_in(schema: str, name: str) -> sql.Composed:
    """Return `sql/queries/<name>.sql` with the schema put in for `{schema}`."""
    return sql.SQL(query(name)).format(schema=sql.Identifier(schema))
