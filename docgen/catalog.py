"""The pages that are written from the code."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from promtsdb_dagster.settings import ROOT

FOLDER = ROOT / "docs" / "reference"
# Each is a module here whose `page_text` returns the page.
PAGES = ("settings", "assets", "api", "metrics", "errors", "commands")


def path_of(name: str) -> Path:
    """Return the file of a page."""
    return FOLDER / f"{name}.md"


def text_of(name: str) -> str:
    """Return a page as the code says it now."""
    write: Callable[[], str] = import_module(f"docgen.{name}").page_text
    return write()
