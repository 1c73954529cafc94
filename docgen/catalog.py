"""The pages that are written from the code, here and elsewhere."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from promtsdb_dagster.settings import ROOT

FOLDER = ROOT / "docs" / "reference"
# Each is a module here whose `page_text` returns the page.
PAGES = ("settings", "assets", "sensors", "api", "metrics", "errors", "commands")


def path_of(name: str) -> Path:
    """Return the file of a page."""
    return FOLDER / f"{name}.md"


def text_of(name: str) -> str:
    """Return a page as the code says it now."""
    write: Callable[[], str] = import_module(f"docgen.{name}").page_text
    return write()


def difference(name: str) -> str:
    """Return a unified diff from the committed page to what the code says; empty means none."""
    path = path_of(name)
    found = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = difflib.unified_diff(
        found.splitlines(keepends=True),
        text_of(name).splitlines(keepends=True),
        fromfile=f"docs/reference/{path.name}",
        tofile="what the code says",
        n=1,
    )
    return "".join(lines)


def _licences() -> None:
    from tests.licences import PAGE, page

    PAGE.write_text(page(), encoding="utf-8")


def _privileges() -> None:
    from tests.privileges import write

    with tempfile.TemporaryDirectory(prefix="promtsdb-docs-") as folder:
        write(Path(folder))


def _faults() -> None:
    from faults.document import DOCUMENT, rewritten
    from faults.results import RESULTS, load

    DOCUMENT.write_text(rewritten(DOCUMENT.read_text("utf-8"), load(RESULTS)), "utf-8")


# Pages with writers and tests of their own.
OTHERS: dict[str, Callable[[], None]] = {
    "faults": _faults,
    "licences": _licences,
    "privileges": _privileges,
}
