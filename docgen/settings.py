"""The page of the settings: every variable of the environment."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from docgen.env_file import Variable, variables
from docgen.markdown import code, codes, page, table
from docgen.services import in_compose, readers
from promtsdb_dagster.settings import Settings

INTRODUCTION = """\
Everything is configured by variables of the environment, and nothing by a file: export what shall
differ. Copy `.env.example` to begin with; with Compose, give your copy as `--env-file FILE`. A
value that makes no sense ends the command with status 2 and the name of the variable. An empty one
counts as unset. `promtsdb health` says what the present ones reach. Step by step: [your own
Prometheus](../how-to/use-your-own-prometheus.md), [a managed
PostgreSQL](../how-to/use-managed-postgresql.md),
[Compose](../how-to/run-in-production-with-compose.md).

*Read by* names promtsdb and the services of Compose. *Compose* says what `docker/compose.yaml`
does with a variable: *wants it* ends a start without it; *takes it* hands it on; *sets it* means
that it knows the value itself; with nothing there, the variable has no effect on it.
"""
# What is read besides, by whom and what for; none of it is configuration of an installation.
OTHERS = {
    "DAGSTER_CURRENT_IMAGE": "Image of the containers of runs; the overlay for them sets it.",
    "DAGSTER_CODE_HOST": "Name and address on which the code server listens; Compose sets it.",
    "DAGSTER_CODE_PORT": "Port of the code server; Compose sets it.",
    "DAGSTER_DB_HOST": "Server of Dagster's own database; Compose sets it.",
    "DAGSTER_DB_PORT": "Port of that server; Compose sets it.",
    "DAGSTER_EVENT_BATCH_SIZE": "Events that Dagster stores at once; commands set it when it is "
    "unset.",
    "DOCKER_HOST": "Where the Docker engine is, for runs and replays in containers; "
    "`docker/compose.docker-launcher.yaml` sets it.",
    "POSTGRES_DB": "Database of a new cluster; the image of the database sets it.",
    "POSTGRES_USER": "Superuser of a new cluster; the image of the database sets it.",
    "PROMTSDB_FUZZ_EXAMPLES": "Calls that each fuzz test of the API tries; `make fuzz` sets it. "
    "Default: 250.",
    "PROMTSDB_SETUP_LOCKED": "`scripts/setup` tells itself that it holds its lock.",
    "PYTHON": "The Python with which `scripts/setup` makes `.venv`. Default: `python3`.",
}
_KINDS: dict[object, str] = {
    bool: "`true` or `false`",
    date: "date, `YYYY-MM-DD`",
    float: "number",
    int: "whole number",
    Path: "path",
}


def page_text() -> str:
    """Return the page."""
    lines: list[str] = []
    sections: dict[str, list[Variable]] = {}
    for variable in variables():
        sections.setdefault(variable.section, []).append(variable)
    for section, found in sections.items():
        lines += [f"## {section}", ""]
        lines += table(
            ("variable", "what", "value", "default", "read by", "Compose"), map(_row, found)
        )
    lines += [
        "## Read besides",
        "",
        "Parts of the installation set these for one another; nobody needs to.",
        "",
        *table(("variable", "what"), ((code(n), what) for n, what in sorted(OTHERS.items()))),
    ]
    return page("Settings", INTRODUCTION, lines)


def _row(variable: Variable) -> tuple[str, ...]:
    name = variable.name
    field = Settings.model_fields.get(name.lower())
    by = sorted(readers().get(name, set()) - ({"dagster"} if field else set()))
    return (
        code(name),
        _ended(variable.what),
        kind(name, field, variable.example),
        _default(variable),
        ", ".join(["promtsdb"] * bool(field) + by),
        in_compose().get(name, ""),
    )


def _ended(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _default(variable: Variable) -> str:
    text = variable.default
    if text.startswith("No default"):
        text = text.removeprefix("No default").lstrip(":;").strip()
        return f"none: {text}" if text else "none"
    plain = "none" not in text and " " not in text
    return code(text) if plain and text != "the system's" else text


def kind(name: str, field: FieldInfo | None, example: str) -> str:
    """Return what a value looks like: type, unit, limits, and whether it is a secret."""
    if field is None:
        return _kind_by_name(name, example)
    wanted = _type(field)
    if wanted is SecretStr:
        lengths = [f", {each.min_length} characters or more" for each in _limits(field, MinLen)]
        return "**secret**" + "".join(lengths) + (", a URL" if name.endswith("_URL") else "")
    if get_origin(wanted) is Literal:
        return codes(get_args(wanted), " or ")
    if wanted is str:
        return "URL" if name.endswith("_URL") else "text"
    unit = ", seconds" if name.endswith("_SECONDS") else ""
    return _KINDS[wanted] + unit + _range(field)


def _type(field: FieldInfo) -> Any:
    types = [each for each in get_args(field.annotation) if each is not type(None)]
    optional = get_origin(field.annotation) is not Literal and bool(types)
    return types[0] if optional else field.annotation


def _range(field: FieldInfo) -> str:
    low = [each.ge for each in _limits(field, Ge)]
    above = [each.gt for each in _limits(field, Gt)]
    high = [each.le for each in _limits(field, Le)]
    below = [each.lt for each in _limits(field, Lt)]
    if low and high:
        return f", {low[0]} to {high[0]}"
    words = [f"{low[0]} or more"] if low else [f"above {above[0]}"] if above else []
    words += [f"at most {high[0]}"] if high else [f"below {below[0]}"] if below else []
    return "".join(f", {each}" for each in words)


def _limits(field: FieldInfo, wanted: type[Any]) -> list[Any]:
    return [each for each in field.metadata if isinstance(each, wanted)]


def _kind_by_name(name: str, example: str) -> str:
    if name.endswith("PASSWORD"):
        return "**secret**, letters and digits"
    if name.endswith("DATABASE_URL"):
        return "**secret**, a URL"
    for end, words in (
        ("_URL", "URL"),
        ("_LISTEN", "address and port"),
        ("_MEMORY", "size, as Docker writes it"),
        ("_PORT", "port"),
        ("_WINDOW", "duration, such as `1m`"),
    ):
        if name.endswith(end):
            return words
    return "whole number" if example.isdigit() else "text"
