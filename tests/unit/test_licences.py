"""Every dependency is pinned, and under a licence that somebody has looked at."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from promtsdb_dagster.settings import ROOT
from tests import licences

# Versions of Python and of systems add these or leave them out.
ONLY_SOMEWHERE = {
    *("async-timeout", "exceptiongroup", "tomli", "uvloop", "greenlet", "colorama", "pywin32"),
    *("watchfiles", "psycopg-binary", "tzdata"),
}
WRITE = "run `python -m tests.licences --write`"


def section(title: str) -> dict[str, tuple[str, ...]]:
    """Return the rows of a table of the page by their first cell."""
    text = licences.PAGE.read_text(encoding="utf-8").partition(f"## {title}")[2]
    rows = re.findall(r"(?m)^\| (.+) \|$", text.partition("\n## ")[0])
    cells = [row.split(" | ") for row in rows if not row.startswith("---")]
    return {first: tuple(rest) for first, *rest in cells[1:]}


def test_the_page_names_what_is_installed() -> None:
    listed = set(section("Python packages of a production installation"))
    found = set(licences.closure())
    assert found - listed <= ONLY_SOMEWHERE, WRITE
    assert listed - found <= ONLY_SOMEWHERE, WRITE


def test_every_licence_is_known_and_as_the_page_says() -> None:
    listed = section("Python packages of a production installation")
    found = licences.licences(list(licences.closure()))
    assert {name: licence for name, licence in found.items() if licences.unknown(licence)} == {}
    assert {n: found[n] for n in listed if n in found} == {
        n: row[0] for n, row in listed.items() if n in found
    }, WRITE


@pytest.mark.parametrize("name", licences.IN_ITS_TEXT)
def test_licences_that_only_their_text_names(name: str) -> None:
    _, opening = licences.IN_ITS_TEXT[name]
    (text,) = [
        file.read_text()
        for file in metadata.files(name) or []
        if file.name == "LICENSE" and "dist-info" in str(file)
    ]
    assert text.startswith(opening)


@pytest.mark.parametrize(
    ("licence", "parts"),
    [("UNKNOWN", {"UNKNOWN"}), ("GPL-3.0-only", {"GPL-3.0-only"}), ("MIT AND BSD-3-Clause", set()),
     ("MPL-2.0 AND (Apache-2.0 OR SSPL-1.0)", {"SSPL-1.0"}), ("Proprietary", {"Proprietary"})],
)  # fmt: skip
def test_a_licence_that_nobody_allowed_is_refused(licence: str, parts: set[str]) -> None:
    assert licences.unknown(licence) == parts


def test_every_package_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert all("==" in line and "://" not in line for line in lines)
    pinned = {canonicalize_name(Requirement(line).name) for line in lines}
    assert set(licences.closure()) - pinned == set()


def test_direct_dependencies_are_few() -> None:
    """One more is a decision: say in the commit why, and raise the number."""
    direct = {
        canonicalize_name(Requirement(text).name)
        for text in metadata.requires(licences.PROJECT) or []
        if "extra ==" not in text
    }
    assert len(direct) <= 17, direct
    assert direct <= set(section("Python packages of a production installation"))


def test_programs_and_images_are_listed() -> None:
    listed = licences.PAGE.read_text(encoding="utf-8")
    for folder, module, version in licences.go_modules():
        assert f"| {folder} | {module} | {version} |" in listed, WRITE
    folders = {path.parent.name for path in (ROOT / "tools").glob("*/go.mod")}
    assert folders == {folder for folder, *_ in licences.go_modules()}
    assert set(section("Images")) == licences.images(), WRITE
    assert all(row[0] == licences.IMAGES[name] for name, row in section("Images").items()), WRITE
