"""Find every error that the SQL of the project raises, with PostgreSQL's own reader of words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pglast import ast, parse_sql
from pglast.parser import scan

from promtsdb_dagster.settings import ROOT

# What PostgreSQL calls by name, as SQLSTATE has it.
STATES = {
    "insufficient_privilege": "42501",
    "invalid_parameter_value": "22023",
    "raise_exception": "P0001",
    "unique_violation": "23505",
}
_NO_ERRORS = {"DEBUG", "LOG", "INFO", "NOTICE", "WARNING"}
_PLACE = re.compile(r"%[0-9$]*[sIL]|%(?!%)")
_OPTION = re.compile(r"(?i)\s*(ERRCODE|MESSAGE|DETAIL|HINT)\s*=\s*")


@dataclass(frozen=True)
class Raised:
    """Hold one error; what is put in at run time is an ellipsis."""

    by: str
    state: str
    message: str
    detail: str
    hint: str


@cache
def raised() -> tuple[Raised, ...]:
    """Return each error that a migrated database, or a migration, may raise."""
    found: dict[tuple[str, str], list[Raised]] = {}
    for folder in ("migrations", "portable"):
        for path in sorted((ROOT / "sql" / folder).glob("*.up.sql")):
            for by, bodies in _bodies(path).items():
                # A later migration replaces the function of an earlier one.
                found[folder, by] = [_read(by, said) for each in bodies for said in _raises(each)]
    return tuple(dict.fromkeys(error for errors in found.values() for error in errors))


def _bodies(path: Path) -> dict[str, list[str]]:
    """Return what a file runs, and the functions that it makes, by name."""
    found: dict[str, list[str]] = {}
    for each in parse_sql(path.read_text(encoding="utf-8")):
        statement = each.stmt
        if isinstance(statement, ast.DoStmt):
            body = next(arg.arg.sval for arg in statement.args or () if arg.defname == "as")
            found.setdefault(f"migration {path.name.removesuffix('.up.sql')}", []).append(body)
        elif isinstance(statement, ast.CreateFunctionStmt):
            said = {option.defname: option.arg for option in statement.options}
            if "as" in said and said["language"].sval == "plpgsql":
                name = ".".join(part.sval for part in statement.funcname)
                found.setdefault(name, []).append(said["as"][0].sval)
    return found


def _raises(body: str) -> Iterator[str]:
    """Return what stands between each RAISE of an error and its semicolon."""
    text, begun = body.encode(), 0
    for token in scan(body):
        word = text[token.start : token.end + 1].decode()
        if word.upper() == "RAISE":
            begun = token.end + 1
        elif word == ";" and begun:
            said = text[begun : token.start].decode().strip()
            # A bare RAISE hands on what somebody else raised.
            if said and said.split()[0].upper() not in _NO_ERRORS:
                yield re.sub(r"(?i)^exception\s+", "", said)
            begun = 0


def _read(by: str, said: str) -> Raised:
    head, *options = _split(said)
    head, _, first = head.partition("USING") if head.startswith("USING") else (head, "", "")
    parts = [first, *options] if first else options
    found = {"MESSAGE": _filled(_text(head)) if head else ""}
    for part in parts:
        if match := _OPTION.match(part):
            found[match[1].upper()] = _text(part[match.end() :])
    code = found.get("ERRCODE", "raise_exception")
    return Raised(
        by, STATES.get(code, code), found["MESSAGE"], found.get("DETAIL", ""), found.get("HINT", "")
    )


def _split(said: str) -> list[str]:
    """Return the parts between the commas, and USING, that are in no brackets."""
    text = said.encode()
    parts, begun, depth = [], 0, 0
    for token in scan(said):
        word = text[token.start : token.end + 1].decode()
        depth += (word == "(") - (word == ")")
        using = word.upper() == "USING" and token.start > 0
        if not depth and (word == "," or using):
            parts.append(text[begun : token.start].decode().strip())
            begun = token.end + 1
    return [*parts, text[begun:].decode().strip()]


def _text(expression: str) -> str:
    """Return what an expression gives, with an ellipsis for what is known at run time only."""
    [statement] = parse_sql(f"SELECT {expression}")
    return _shown(statement.stmt.targetList[0].val)


def _shown(node: Any) -> str:
    if isinstance(node, ast.A_Const) and isinstance(node.val, ast.String):
        return str(node.val.sval)
    if isinstance(node, ast.A_Expr) and node.name[-1].sval == "||":
        return _shown(node.lexpr) + _shown(node.rexpr)
    if isinstance(node, ast.FuncCall) and node.funcname[-1].sval == "format":
        return _filled(_shown(node.args[0]))
    return "…"


def _filled(text: str) -> str:
    return _PLACE.sub("…", text).replace("%%", "%")
