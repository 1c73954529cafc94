"""pgspot's rules over all SQL that a deployment runs: search_path attacks, unsafe creation."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path

import pytest
from pglast import ast, parse_sql, split
from pglast.parser import ParseError
from pgspot.state import Counter, State
from pgspot.visitors import visit_sql

from promtsdb_dagster.settings import ROOT
from tests.fix_postgres import SQL_DIR

FILES = [
    *sorted((SQL_DIR / "migrations").glob("*.sql")),
    *sorted((SQL_DIR / "portable").glob("*.sql")),
    ROOT / "docker" / "timescaledb" / "roles.sql",
    ROOT / "docker" / "timescaledb" / "init.sh",
]
# As the migrator begins the transaction of every file, and roles.sql its own.
PINNED = "SET search_path = pg_catalog, pg_temp;\n"
# What is let pass everywhere, and why it cannot be used here.
IGNORED = {
    "PS002": "CREATE OR REPLACE FUNCTION: only the owner may create in our schemas "
    "(docs/reference/privileges.md), so there is nobody else's function to replace",
    "PS015": "CREATE OR REPLACE VIEW: likewise",
}
# What is let pass in one place.
EXCUSED = {
    ("migrations/044_refresh_rollups.up.sql", "PS005"): "a procedure that commits may pin nothing; "
    "it is the owner's, who alone may call it",
    ("migrations/044_refresh_rollups.up.sql", "PS001"): "likewise",
}
# Its parser of PL/pgSQL knows no fields of composite variables; the rest of these files is read.
UNREADABLE = {"migrations/041_missed_buckets.up.sql", "migrations/047_api_latest_speed.up.sql"}


def label(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def text_of(path: Path) -> str:
    """Return the SQL of a file, without what is psql's own."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sh":
        text = text.split("<<'SQL'\n")[1].rsplit("SQL\n")[0]
    text = re.sub(r"(?m)^\s*\\.*$", "", text)
    text = re.sub(r"\\g /dev/null", ";", text)
    return re.sub(r"(?<!:):'(\w+)'", "'\\1'", text)


def spotted(text: str, *, plpgsql: bool = True) -> tuple[list[tuple[str, str]], int]:
    """Return the code and the words of each finding, and how many statements were looked at."""
    found: list[tuple[str, str]] = []

    class Remember(Counter):  # type: ignore[misc]
        def print_issue(self, code: str, context: str) -> None:
            found.append((code, context))

        def unknown(self, message: str) -> None:
            found.append(("unknown", message))

    options = Namespace(
        ignore=[], ignore_lang=[], summary_only=False, plpgsql=plpgsql,
        proc_without_search_path=[], sql_fn=[],
    )  # fmt: skip
    looked_at = 0
    # It writes the name of this column without its quotes, and then cannot read it.
    text = text.replace('"timestamp"', '"moment"')
    for statement in split(text):
        node = parse_sql(statement)[0].stmt
        if isinstance(node, ast.CreateFunctionStmt) and node.sql_body is not None:
            # It knows no BEGIN ATOMIC and no RETURN. The names in these were bound when the
            # function was made, so that no caller's search_path decides anything.
            continue
        visit_sql(State(Remember(options)), f"{PINNED}{statement};", toplevel=True)
        looked_at += 1
    return found, looked_at


@pytest.mark.parametrize("path", FILES, ids=label)
def test_pgspot_finds_nothing(path: Path) -> None:
    if readable := label(path) not in UNREADABLE:
        found, looked_at = spotted(text_of(path))
    else:
        with pytest.raises(ParseError):
            spotted(text_of(path))
        found, looked_at = spotted(text_of(path), plpgsql=readable)
    rest = [
        f"{code}: {words}"
        for code, words in found
        if code not in IGNORED and (label(path), code) not in EXCUSED
    ]
    assert not rest
    assert looked_at or "BEGIN ATOMIC" in path.read_text() or "RETURN" in path.read_text()


def test_every_excuse_is_used() -> None:
    paths = {label(path): path for path in FILES}
    for name, code in EXCUSED:
        assert code in dict(spotted(text_of(paths[name]))[0]), (name, code)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("PS003", "CREATE FUNCTION a.f() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"),
        ("PS005", "CREATE FUNCTION a.f() RETURNS void LANGUAGE sql AS 'SELECT 1'"),
        ("PS012", "CREATE TABLE IF NOT EXISTS a.t ()"),
        ("PS016", "CREATE FUNCTION a.f() RETURNS int LANGUAGE sql AS 'SELECT now()'"),
    ],
)
def test_it_finds_what_it_is_for(code: str, text: str) -> None:
    assert code in {found for found, _ in spotted(text)[0]}
