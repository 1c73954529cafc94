"""Load the statements of `sql/queries/`, one a file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from typing_extensions import LiteralString

QUERIES_DIR = Path(__file__).resolve().parents[2] / "sql" / "queries"


@cache
def query(name: str) -> LiteralString:
    """Return the text of `sql/queries/<name>.sql`."""
    return (QUERIES_DIR / f"{name}.sql").read_text(encoding="utf-8")
