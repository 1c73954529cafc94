"""Load the statements of `faults/sql/`, one a file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from typing_extensions import LiteralString

_FOLDER = Path(__file__).resolve().parent / "sql"


@cache
def statement(name: str) -> LiteralString:
    """Return the text of `faults/sql/<name>.sql`."""
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
