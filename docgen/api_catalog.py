"""Read the functions of the API from a migrated database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import class_row

from docgen.sql_errors import Raised, raised

_SQL = Path(__file__).with_name("sql")
_NAMED = re.compile(r"((?:p_\w+, )*p_\w+): ")
_CALLED = re.compile(r"\b(?:api|internal)\.\w+(?=\()")


@dataclass(frozen=True)
class Function:
    """Hold one function as the catalog has it."""

    name: str
    comment: str | None
    writes: bool
    arguments: list[str]
    types: list[str]
    columns: list[str]
    column_types: list[str]
    result: str
    callers: list[str]

    @property
    def summary(self) -> str:
        """Return the first line of the comment."""
        return (self.comment or "").partition("\n")[0]

    @property
    def description(self) -> str:
        """Return what the comment says besides, without what it says of arguments."""
        text = (self.comment or "").partition("\n\n")[2].partition("\n\nArguments: ")[0]
        # What the list of arguments says.
        return re.sub(r"^p_\w+: [^.]*\.\s*", "", text)

    def argument(self, name: str) -> str:
        """Return what the comment says of an argument; empty when it says nothing."""
        body, _, arguments = (self.comment or "").partition("\n\nArguments: ")
        pieces = _NAMED.split(arguments)[1:]
        for names, text in zip(pieces[::2], pieces[1::2], strict=True):
            if name in names.split(", "):
                return text.strip()
        said = re.search(rf"\b{name}: ([^.]*\.)", body) or re.search(
            rf"(?:^|\. )([^.]*\b{name}\b[^.]*\.)", body, re.MULTILINE
        )
        return said[1].strip() if said else ""


def functions(connection: psycopg.Connection) -> list[Function]:
    """Return the functions of the schema api, by name."""
    statement = (_SQL / "select_api.sql").read_text(encoding="utf-8").encode()
    with connection.cursor(row_factory=class_row(Function)) as cursor:
        return cursor.execute(statement).fetchall()


def errors(connection: psycopg.Connection) -> dict[str, list[Raised]]:
    """Return by function what it and those that it calls raise for a caller."""
    statement = (_SQL / "select_bodies.sql").read_text(encoding="utf-8").encode()
    calls: dict[str, set[str]] = {}
    for name, body in connection.execute(statement).fetchall():
        calls.setdefault(str(name), set()).update(_CALLED.findall(str(body)))
    found = {}
    for name in calls:
        if name.startswith("api."):
            reached = _reached(name, calls)
            found[name.removeprefix("api.")] = [
                each
                for each in raised()
                if each.by in reached and each.by.startswith(("api.", "internal.check_"))
            ]
    return found


def _reached(name: str, calls: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            waiting += calls.get(one, set())
    return seen
