"""Say which service of Compose reads which variable, by its own files and by Compose's."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from promtsdb_dagster.settings import ROOT

COMPOSE = (ROOT / "docker/compose.yaml", ROOT / "docker/compose.docker-launcher.yaml")
# Which program reads a file, and how variables look in it.
FILES = {
    "docker/caddy/Caddyfile": ("caddy", r"\{\$([A-Z_]+)"),
    "docker/postgrest/postgrest.conf": ("postgrest", r"\$\(([A-Z_]+)\)"),
    "docker/telegraf/telegraf.conf": ("telegraf", r"\$\{([A-Z_]+)"),
    "docker/timescaledb/init.sh": ("timescaledb", r"\$\{?([A-Z_]+)"),
    "docker/timescaledb/roles.sql": ("roles", r"\\getenv \w+ ([A-Z_]+)"),
    "docker/dagster/dagster.yaml": ("dagster", r"env: ([A-Z_]+)"),
    "docker/dagster/workspace.yaml": ("dagster", r"env: ([A-Z_]+)"),
}
_USE = re.compile(r"\$\{([A-Z_]+)(:?[?+-])?")
# Long words of anchors that every container of Dagster has.
_DAGSTER = re.compile(r"dagster-.*")


@cache
def readers() -> dict[str, set[str]]:
    """Return the services that read a variable, by its name."""
    found: dict[str, set[str]] = {}
    for file, (service, pattern) in FILES.items():
        for name in re.findall(pattern, (ROOT / file).read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(service)
    for path in COMPOSE:
        for service, said in _services(path).items():
            for name in _asked(said):
                found.setdefault(name, set()).add(_DAGSTER.sub("dagster", service))
    return found


@cache
def in_compose() -> dict[str, str]:
    """Return what Compose does with a variable: wants it, takes it, or sets it by itself."""
    found: dict[str, str] = {}
    for path in COMPOSE:
        for said in _services(path).values():
            given: dict[str, Any] = said.get("environment") or {}
            for name, value in given.items():
                if value is not None and f"${{{name}" not in str(value):
                    found.setdefault(name, "sets it")
            for name, operator in _asked(said).items():
                known = found.get(name)
                if ":?" in operator:
                    found[name] = "wants it"
                elif known != "wants it":
                    found[name] = "takes it"
    return found


def _asked(service: dict[str, Any]) -> dict[str, str]:
    text = yaml.safe_dump(service, width=10_000)
    asked: dict[str, str] = {}
    for name, operator in _USE.findall(text):
        asked[name] = max(asked.get(name, ""), operator)
    given: dict[str, Any] = service.get("environment") or {}
    return asked | {name: "" for name, value in given.items() if value is None}


@cache
def _services(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]
    return found
