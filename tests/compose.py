"""Read the Compose files as Compose does, as far as they go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from promtsdb_dagster.settings import ROOT

MAIN = ROOT / "docker/compose.yaml"
OVERLAY = ROOT / "docker/compose.docker-launcher.yaml"
# `$$`, `$NAME` and `${NAME}` with the three operators that the files use.
VARIABLE = re.compile(
    r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<op>:\?|:-|:\+)(?P<rest>[^}]*))?\})"
)


@cache
def services(path: Path = MAIN) -> dict[str, dict[str, Any]]:
    """Return the services of one file with anchors resolved and variables left alone."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]
    return found


def variables(path: Path, operator: str | None = None) -> set[str]:
    """Return the variables that Compose reads for a file, all or those with one operator."""
    text = path.read_text(encoding="utf-8")
    found = {
        match["name"]
        for match in VARIABLE.finditer(text)
        if match["name"] and operator in (None, match["op"])
    }
    if operator is None:
        found |= {
            name
            for service in services(path).values()
            for name, value in environment(service).items()
            if value is None
        }
    return found


def environment(service: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the variables of a service; None is one that is passed on when it is set."""
    found: dict[str, str | None] = service.get("environment") or {}
    return found


def resolved(text: str, given: Mapping[str, str]) -> str:
    """Return a text with its variables put in; raise KeyError naming a required one."""

    def put(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        value = given.get(match["name"], "")
        if match["op"] == ":+":
            return match["rest"] if value else ""
        if value:
            return value
        if match["op"] == ":?":
            raise KeyError(match["name"])
        return match["rest"] or ""

    return VARIABLE.sub(put, text)


def words(service: Mapping[str, Any], key: str) -> list[str]:
    """Return `command`, `entrypoint` or the health check's test as a list."""
    value = service["healthcheck"]["test"] if key == "healthcheck" else service.get(key, [])
    assert isinstance(value, list), f"{key} is {value!r}, wanted a list: no shell splits it"
    if key != "healthcheck":
        return [str(word) for word in value]
    kind, *rest = value
    return ["/bin/sh", "-c", *rest] if kind == "CMD-SHELL" else [str(word) for word in rest]
