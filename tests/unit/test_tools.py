"""The programs of `make tools`: exact versions, and no more parts than are in use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from promtsdb_dagster.settings import ROOT

TOOLS = sorted(path.parent for path in (ROOT / "tools").glob("*/go.mod"))
# What the services are at: a module path and what it is built as.
MODULES = {
    "caddy": ("github.com/caddyserver/caddy/v2", "github.com/mholt/caddy-ratelimit"),
    "migrate": ("github.com/golang-migrate/migrate/v4",),
    "telegraf": ("github.com/influxdata/telegraf",),
    "vmalert": ("github.com/VictoriaMetrics/VictoriaMetrics",),
}
EXACT = re.compile(r"v\d+\.\d+\.\d+")


def required(folder: Path) -> dict[str, str]:
    """Return the version of each module that a go.mod requires."""
    text = (folder / "go.mod").read_text(encoding="utf-8")
    return dict(re.findall(r"^(?:require)?\s+(\S+) (v\S+)", text, re.MULTILINE))


def test_every_program_has_a_folder() -> None:
    """One module a program, no more and no fewer."""
    assert [folder.name for folder in TOOLS] == sorted(MODULES)


@pytest.mark.parametrize("folder", TOOLS, ids=lambda folder: str(folder.name))
def test_versions_are_exact_and_have_a_checksum(folder: Path) -> None:
    """A release of the program itself, and a sum for everything that it is built from."""
    versions = required(folder)
    for module in MODULES[folder.name]:
        assert EXACT.fullmatch(versions[module]), f"{module} {versions[module]}"
    text = (folder / "go.mod").read_text(encoding="utf-8")
    assert "latest" not in text
    # A replacement could point to anything, this machine's folders too.
    assert not re.search(r"^\s*replace\b", text, re.MULTILINE)
    sums = set((folder / "go.sum").read_text(encoding="utf-8").splitlines())
    known = {tuple(line.split()[:2]) for line in sums}
    for module, version in versions.items():
        assert (module, f"{version}/go.mod") in known, module


def test_telegraf_has_the_plugins_of_its_configuration_and_no_others() -> None:
    """One that is missing ends its start; one too many is code that nobody asked for."""
    config = (ROOT / "docker/telegraf/telegraf.conf").read_text(encoding="utf-8")
    used = {f"{kind}.{name}" for kind, name in re.findall(r"^\[\[(\w+)\.(\w+)\]\]", config, re.M)}
    used |= {f"parsers.{name}" for name in re.findall(r'^\s*data_format = "(\w+)"', config, re.M)}
    tags = (ROOT / "tools/telegraf/tags").read_text(encoding="utf-8").split()
    assert set(tags) == {"custom", *used}
    assert len(tags) == len(set(tags))


def test_images_are_of_the_same_versions() -> None:
    """Compose and the local stack run the same programs."""
    compose = (ROOT / "docker/compose.yaml").read_text(encoding="utf-8")
    for name, image, form in (
        ("telegraf", "telegraf", "{}-alpine"),
        ("vmalert", "victoriametrics/vmalert", "v{}"),
        ("migrate", "migrate/migrate", "v{}"),
    ):
        version = required(ROOT / "tools" / name)[MODULES[name][0]].removeprefix("v")
        assert f"image: {image}:{form.format(version)}\n" in compose
