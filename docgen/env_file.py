"""Read what .env.example says of each variable."""

from __future__ import annotations

import re
from dataclasses import dataclass

from promtsdb_dagster.settings import ROOT

FILE = ROOT / ".env.example"
_HEADING = re.compile(r"# --- (.*?) -*$")
_VARIABLE = re.compile(r"#?([A-Z_]+)=(.*)")
_DEFAULT = re.compile(r"(?:No default|Defaults?)\b")


@dataclass(frozen=True)
class Variable:
    """Hold one variable: what it is, what holds without it, and an example."""

    name: str
    section: str
    what: str
    default: str
    example: str


def variables() -> list[Variable]:
    """Return the variables in the order of the file."""
    found: list[Variable] = []
    section, comment, closed = "", "", True
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if match := _HEADING.fullmatch(line):
            section, comment, closed = match[1].strip(), "", False
        elif match := _VARIABLE.fullmatch(line):
            found.append(Variable(match[1], section, *_parts(comment), match[2]))
            closed = True
        else:
            text = line.removeprefix("#").strip()
            comment = text if closed else f"{comment} {text}".strip()
            closed = False
    return found


def _parts(comment: str) -> tuple[str, str]:
    """Return what a comment says beside the default, and the default."""
    match = _DEFAULT.search(comment)
    if match is None:
        return comment, ""
    rest = comment[match.start() :].removeprefix("Default: ")
    # A default ends with its sentence: a dot before a blank, or the end.
    default, end, after = re.split(r"(\.(?:\s+|$))", rest + " ", maxsplit=1) if "." in rest else (
        rest, "", "")  # fmt: skip
    del end
    return f"{comment[: match.start()]}{after}".strip(), default.strip()
