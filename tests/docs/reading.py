"""Read the documents as a reader's programs do: Markdown, shell, links."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from promtsdb_dagster.settings import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
# What a shell runs is always `sh`, or it would not be looked at.
OTHER_SHELLS = frozenset({"", "bash", "console", "shell", "shell-session", "zsh"})


@dataclass(frozen=True)
class Block:
    """One fenced block; `line` counts from 1."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def where(self) -> str:
        """Return the place as an editor opens it."""
        return f"{name(self.page)}:{self.line}"


def name(page: Path) -> str:
    """Return a page's path below the root."""
    return page.relative_to(ROOT).as_posix()


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    """Return a page's tokens, those inside of paragraphs and tables too."""
    found = []
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        found += [token, *(token.children or ())]
    return tuple(found)


def blocks(page: Path, *languages: str) -> list[Block]:
    """Return the fenced blocks of a page, of some languages or of all."""
    return [
        Block(page, token.map[0] + 1, token.info.strip(), token.content)
        for token in tokens(page)
        if token.type == "fence" and token.map and (not languages or token.info in languages)
    ]


def commands(block: Block) -> Iterator[str]:
    """Yield the commands of a block: as few lines as a shell takes for a whole one."""
    begun = ""
    for line in block.text.splitlines(keepends=True):
        begun += line
        if begun.strip() and not begun.endswith("\\\n") and _is_whole(begun):
            yield begun.strip()
            begun = ""
    assert not begun.strip(), f"{block.where}: no shell takes this for a command: {begun}"


def _is_whole(text: str) -> bool:
    done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
    # A here document that has no end yet is a warning only.
    return done.returncode == 0 and not done.stderr


def spans(page: Path) -> list[str]:
    """Return what stands in backticks inside of sentences and tables."""
    return [token.content for token in tokens(page) if token.type == "code_inline"]


def links(page: Path) -> list[str]:
    """Return the targets of links and pictures."""
    kinds = {"link_open": "href", "image": "src"}
    return [str(token.attrGet(kinds[token.type])) for token in tokens(page) if token.type in kinds]


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: list[str] = []
    whole = tokens(page)
    for opened, inline in pairwise(whole):
        if opened.type == "heading_open":
            said = "".join(child.content for child in inline.children or ())
            anchor = re.sub(r"[^\w\- ]", "", said.lower()).replace(" ", "-")
            twice = found.count(anchor)
            found.append(f"{anchor}-{twice}" if twice else anchor)
    return frozenset(found)
