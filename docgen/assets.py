"""The page of the assets: the graph that Dagster shows, and its jobs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from docgen.asset_runs import real_definitions, recorded
from docgen.asset_words import METADATA, TYPES
from docgen.markdown import anchor, code, codes, folded, page, table

INTRODUCTION = """\
Everything in Dagster's graph, in the order in which a sample passes it. What a sensor starts is in
[sensors](sensors.md), what a check proves in [checks](checks.md). The UI shows the same descriptions,
with links to the code, and plots the numbers that a materialization records.
"""
# From source to client; groups that are not named here follow.
ORDER = (
    *("services", "migrations", "backfill", "staging", "storage", "aggregates", "api"),
    "housekeeping",
)
_WHEN_RED = "**When it is red:**"


def page_text() -> str:
    """Return the page."""
    metadata = recorded()
    with real_definitions() as definitions:
        nodes = sorted(definitions.resolve_asset_graph().asset_nodes, key=_place)
        groups: dict[str, list[Any]] = {}
        for node in nodes:
            groups.setdefault(node.group_name, []).append(node)
        lines = ["## Groups", "", *_overview(groups)]
        for name, group in groups.items():
            lines += [f"## Group {name}", ""]
            lines += _migrations(group, metadata) if name == "migrations" else []
            for node in group if name != "migrations" else []:
                lines += _asset(node, metadata[node.key], level=3)
        lines += ["## Jobs", "", *_jobs(definitions)]
    return page("Assets", INTRODUCTION, lines)


def _place(node: Any) -> tuple[int, str, str]:
    name = node.group_name or ""
    return (ORDER.index(name) if name in ORDER else len(ORDER), name, node.key.to_user_string())


def _overview(groups: Mapping[str, Sequence[Any]]) -> list[str]:
    rows = []
    for name, group in groups.items():
        links = (f"[{code(_name(each))}]({anchor(_name(each))})" for each in group)
        shown = f"one a file, {len(group)}" if name == "migrations" else ", ".join(links)
        rows.append((f"[{name}]({anchor(f'group {name}')})", shown, _partitions(group[0]) or ""))
    return table(("group", "assets", "partitions"), rows)


def _migrations(group: Sequence[Any], metadata: Mapping[dg.AssetKey, dict[str, str]]) -> list[str]:
    newest = group[-1]
    lines = _described(newest, of_all=True)
    lines += _facts(newest, "the one before it")
    lines += _metadata(metadata[newest.key])
    return lines + folded("All of them", [f"* `{each.key.path[-1]}`" for each in group] + [""])


def _asset(node: Any, metadata: Mapping[str, str], level: int) -> list[str]:
    lines = [f"{'#' * level} {_name(node)}", "", *_described(node)]
    parents = sorted(_name_of(key) for key in node.parent_keys)
    lines += _facts(node, _short(parents))
    return [*lines, *_config(node), *_metadata(metadata)]


def _described(node: Any, *, of_all: bool = False) -> list[str]:
    text = node.description or ""
    if of_all:
        text = text.replace(node.key.path[-1], "NNN_topic")
    return [*text.splitlines(), ""]


def _facts(node: Any, parents: str) -> list[str]:
    kinds = codes(sorted(node.kinds))
    facts = [f"kinds {kinds}"] if kinds else []
    facts += [f"owner {codes(sorted(node.owners))}"] if node.owners else []
    facts += [f"partitions: {text}"] if (text := _partitions(node)) else []
    facts += [] if node.is_materializable else ["Dagster looks at it and does not make it"]
    lines = ["; ".join(facts)[:1].upper() + "; ".join(facts)[1:] + ".", ""] if facts else []
    return [*lines, f"Depends on {parents}.", ""] if parents else lines


def _short(parents: Sequence[str]) -> str:
    """Return the parents with all migrations as what they are: the schema."""
    named = [name for name in parents if not name.startswith("migrations/")]
    schema = ["the last migration"] if len(named) < len(parents) else []
    return ", ".join([*(f"[{code(name)}]({anchor(name)})" for name in named), *schema])


def _partitions(node: Any) -> str:
    definition = node.partitions_def
    if definition is None:
        return ""
    name = re.sub(r"PartitionsDefinition$", "", type(definition).__name__).lower()
    ahead = " with the present one" if getattr(definition, "end_offset", 0) else ""
    return f"{name} since `BACKFILL_START`, UTC{ahead}"


def _config(node: Any) -> list[str]:
    fields = config_fields(node)
    if not fields:
        return []
    rows = (
        (code(name), _type(field), code(_default(field)), field.description or "")
        for name, field in fields.items()
    )
    return ["In the launchpad:", "", *table(("config", "type", "default", "what"), rows)]


def config_fields(node: Any) -> Mapping[str, Any]:
    """Return the fields that a person may set when an asset is launched."""
    if not node.is_materializable:
        return {}
    schema = node.assets_def.op.config_schema.as_field()
    fields: Mapping[str, Any] = getattr(schema.config_type, "fields", {})
    return fields


def _type(field: Any) -> str:
    kind = field.config_type
    if values := getattr(kind, "enum_values", None):
        return codes([each.config_value for each in values], " or ")
    if inner := getattr(kind, "inner_type", None):
        more = "list of " if "Array" in type(kind).__name__ else ""
        return f"{more}{TYPES[inner.given_name]}"
    return TYPES[kind.given_name]


def _default(field: Any) -> str:
    if not field.default_provided or field.default_value is None:
        return "unset"
    value = field.default_value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _metadata(found: Mapping[str, str]) -> list[str]:
    if not found:
        return []
    rows = ((code(name), kind, METADATA.get(name, "")) for name, kind in sorted(found.items()))
    return ["Records:", "", *table(("metadata", "type", "what"), rows)]


def _jobs(definitions: dg.Definitions) -> list[str]:
    repository = definitions.get_repository_def()
    crons = {each.job_name: each.cron_schedule for each in repository.schedule_defs}
    rows = (
        (
            code(each.name),
            each.description or "",
            code(crons[each.name]) if each.name in crons else "",
        )
        for each in sorted(repository.get_all_jobs(), key=lambda job: job.name)
        if not each.name.startswith("__")
    )
    return table(("job", "what it does", "schedule, UTC"), rows)


def _name(node: Any) -> str:
    return _name_of(node.key)


def _name_of(key: dg.AssetKey) -> str:
    return key.to_user_string()
