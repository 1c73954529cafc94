"""Find the messages that the Python code gives to each class of error."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from promtsdb_dagster import errors
from promtsdb_dagster.settings import ROOT

PACKAGE = ROOT / "promtsdb_dagster"
# Here `place.error(...)` makes a RuleError.
_PLACES = re.compile(r"rule")


def classes() -> list[type[errors.PromtsdbError]]:
    """Return the classes of errors, each before those below it, as the file has them."""
    return [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.PromtsdbError)
    ]


@cache
def messages() -> dict[str, list[tuple[str, str]]]:
    """Return by class the messages and their files; an ellipsis is for what is put in."""
    found: dict[str, list[tuple[str, str]]] = {each.__name__: [] for each in classes()}
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        for name, message in _calls(path):
            if message.strip("…;: ") and (message, file) not in found[name]:
                found[name].append((message, file))
    return found


def _calls(path: Path) -> Iterator[tuple[str, str]]:
    names = {each.__name__ for each in classes()}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        if isinstance(node.func, ast.Name) and node.func.id in names:
            yield node.func.id, text(node.args[0])
        elif (
            isinstance(node.func, ast.Attribute)
            and node.func.attr == "error"
            and path.parent.name == "core"
            and _PLACES.search(path.name)
        ):
            yield "RuleError", text(node.args[0])


def text(node: ast.expr) -> str:
    """Return what an expression gives, with an ellipsis for what is known at run time only."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(text, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text(node.left) + text(node.right)
    return "…"
