"""The pinned packages can be installed on every Python that the project promises."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from promtsdb_dagster.settings import ROOT

OLDEST = "3.10"


def pins(python: str) -> dict[str, str]:
    """Return the version of each package that one version of Python gets."""
    found: dict[str, str] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate({"python_version": python}):
            name = canonicalize_name(wanted.name)
            assert name not in found, f"{name} is pinned twice for Python {python}"
            found[name] = str(wanted.specifier).removeprefix("==")
    return found


def test_the_oldest_python_is_the_promised_one() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^requires-python = ">=(.+)"$', text, re.MULTILINE)[1] == OLDEST  # type: ignore[index]


@pytest.mark.parametrize("python", [OLDEST, "3.11", "3.12", "3.13"])
def test_no_pin_asks_for_a_newer_python(python: str) -> None:
    """Only the metadata of what is installed here is at hand; other pins are left out."""
    wanted = pins(python)
    refused = {
        f"{each.name}=={each.version} needs Python {needed}"
        for each in metadata.distributions()
        if wanted.get(canonicalize_name(each.name)) == each.version
        and (needed := each.metadata.get("Requires-Python"))
        and not SpecifierSet(needed).contains(f"{python}.99")
    }
    assert not refused
