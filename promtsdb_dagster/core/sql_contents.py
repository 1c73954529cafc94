"""Say what a migration's text brings, from the text itself."""

from __future__ import annotations

import re

_MADE = re.compile(
    r"^CREATE (?:OR REPLACE )?(?:UNLOGGED |UNIQUE |MATERIALIZED )*"
    r"(SCHEMA|TABLE|VIEW|TYPE|FUNCTION|PROCEDURE|INDEX|TRIGGER|SEQUENCE)"
    r"(?: IF NOT EXISTS)? ([a-z_][a-z0-9_.]*)",
    re.MULTILINE,
)
_MOST_NAMES = 12


def remark(text: str) -> str:
    """Return the comment at the head of the text, as one line; empty without one."""
    words = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        words.append(line.removeprefix("--").strip())
    return " ".join(words)


def made(text: str) -> str:
    """Return what the text creates or replaces, by kind, in Markdown; long lists are cut."""
    names: dict[str, list[str]] = {}
    for kind, name in _MADE.findall(text):
        listed = names.setdefault(kind.lower(), [])
        if f"`{name}`" not in listed:
            listed.append(f"`{name}`")
    return "; ".join(f"{kind} {_cut(listed)}" for kind, listed in names.items())


def _cut(listed: list[str]) -> str:
    rest = len(listed) - _MOST_NAMES
    return ", ".join(listed if rest <= 0 else [*listed[:_MOST_NAMES], f"and {rest} more"])
