"""Write Markdown that is the same on every machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_LINE = 100


def cell(text: str) -> str:
    """Return a text as one cell of a table."""
    return re.sub(r"\s+", " ", text).strip().replace("|", r"\|")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table, with an empty one after it."""
    lines = [_row(header), _row("---" for _ in header)]
    return [*lines, *(_row(map(cell, row)) for row in rows), ""]


def code(text: object) -> str:
    """Return a text as code, whatever is in it."""
    words = str(text)
    if "`" not in words:
        return f"`{words}`"
    return f"`` {words} ``"


def codes(texts: Iterable[object], between: str = ", ") -> str:
    """Return texts as code, in their order."""
    return between.join(map(code, texts))


def block(text: str, language: str = "") -> list[str]:
    """Return a block of code, with an empty line after it."""
    return [f"```{language}", *text.strip("\n").splitlines(), "```", ""]


def folded(title: str, lines: Iterable[str]) -> list[str]:
    """Return lines that a reader opens when they are wanted."""
    return ["<details>", f"<summary>{title}</summary>", "", *lines, "</details>", ""]


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return "#" + kept.replace(" ", "-")


def sentence(text: str) -> str:
    """Return a text with a capital at its beginning and a dot at its end."""
    words = re.sub(r"\s+", " ", text).strip()
    if not words:
        return ""
    return words[0].upper() + words[1:] + ("" if words[-1] in ".!?:" else ".")


def wrapped(text: str) -> list[str]:
    """Return a paragraph in lines that are easy to compare, with an empty one after it."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > _LINE:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line, ""]


def page(title: str, introduction: str, lines: Iterable[str]) -> str:
    """Return a whole page."""
    text = "\n".join([f"# {title}", "", *introduction.strip().splitlines(), "", *lines])
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _row(cells: Iterable[str]) -> str:
    return f"|{'|'.join(f' {each} ' if each else ' ' for each in cells)}|"
