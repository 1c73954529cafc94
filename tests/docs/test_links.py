"""Every link of the documents leads somewhere, and every page and picture is linked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from promtsdb_dagster.settings import ROOT
from tests.docs.reading import OTHER_SHELLS, PAGES, anchors, blocks, links, name

ALL = (*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md")
PICTURES = {path for path in (ROOT / "docs/pictures").iterdir() if path.is_file()}


def targets(page: Path) -> Iterator[tuple[str, Path, str]]:
    """Yield links inside of the repository: as written, the file, the anchor."""
    for link in links(page):
        if not link.startswith(("http://", "https://")):
            path, _, anchor = link.partition("#")
            yield link, (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", ALL, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link, path, anchor in targets(page):
        assert path.is_relative_to(ROOT), f"{link} leads out of the repository"
        assert path.exists(), f"{link}: there is no {path.relative_to(ROOT)}"
        if anchor:
            assert anchor in anchors(path), f"{link}: {name(path)} has {sorted(anchors(path))}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen = {ROOT / "README.md"}
    new = set(seen)
    while new:
        new = {path for page in new for _, path, _ in targets(page) if path.suffix == ".md"} - seen
        seen |= new
    assert not [name(page) for page in PAGES if page not in seen]


def test_every_picture_is_shown() -> None:
    shown = {path for page in PAGES for _, path, _ in targets(page)}
    assert not sorted(path.name for path in PICTURES - shown)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_says_what_it_holds(page: Path) -> None:
    for block in blocks(page):
        assert block.language not in OTHER_SHELLS, f"{block.where}: wanted `sh`, or another name"
