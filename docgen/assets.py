"""The page of the assets: the graph that Dagster shows, and its jobs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from docgen.asset_runs import Recorded, real_definitions, recorded
from docgen.asset_words import METADATA, TYPES
from docgen.markdown import anchor, code, codes, folded, page, table
from promtsdb_dagster.settings import ROOT

INTRODUCTION = """\
Everything in Dagster's graph, in the order in which a sample passes it. What a sensor starts is in
[sensors](sensors.md), what a check proves in [checks](checks.md). The UI shows the same words,
with links to the code, and plots the numbers that a materialization records.
"""
# From source to client; groups that are not named here follow.
ORDER = (
    *("services", "migrations", "backfill", "staging", "storage", "aggregates", "api"),
    "housekeeping",
)
# A page as the UI names it.
_PAGE = re.compile(r"(?<![\w/(`\[])docs/([\w/-]+\.md(?:#[\w-]+)?)")


def page_text() -> str:
    """Return the page."""
    metadata = recorded()
    with real_definitions() as definitions:
        nodes = list(definitions.resolve_asset_graph().asset_nodes)
        depths = _depths(nodes)
        nodes.sort(key=lambda node: (*_place(node), depths[node.key], _name(node)))
        groups: dict[str, list[Any]] = {}
        for node in nodes:
            groups.setdefault(node.group_name, []).append(node)
        lines = ["## Groups", "", *_overview(groups)]
        for name, group in groups.items():
            lines += [f"## Group {name}", ""]
            lines += (
                _migrations(group, metadata) if name == "migrations" else _group(group, metadata)
            )
        lines += ["## Jobs", "", *_jobs(definitions)]
    return page("Assets", INTRODUCTION, lines)


def _place(node: Any) -> tuple[int, str]:
    name = node.group_name or ""
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def _depths(nodes: Sequence[Any]) -> dict[dg.AssetKey, int]:
    """Return how far each asset is from the source."""
    parents = {node.key: list(node.parent_keys) for node in nodes}
    known: dict[dg.AssetKey, int] = {}

    def depth(key: dg.AssetKey) -> int:
        if key not in known:
            known[key] = 1 + max((depth(each) for each in parents.get(key, ())), default=0)
        return known[key]

    return {key: depth(key) for key in parents}


def _overview(groups: Mapping[str, Sequence[Any]]) -> list[str]:
    rows = []
    for name, group in groups.items():
        links = (f"[{code(_name(each))}]({anchor(_name(each))})" for each in group)
        shown = f"one a file, {len(group)}" if name == "migrations" else ", ".join(links)
        periods = dict.fromkeys(filter(None, map(_period, group)))
        rows.append((f"[{name}]({anchor(f'group {name}')})", shown, " or ".join(periods)))
    return table(("group", "assets", "partitions"), rows)


def _group(
    group: Sequence[Any], metadata: Mapping[dg.AssetKey, Mapping[str, Recorded]]
) -> list[str]:
    """Return the section of a group; what all of its assets share stands once, below them."""
    details = [_details(node, metadata[node.key]) for node in group]
    shared = len(group) > 1 and all(each == details[0] for each in details)
    lines: list[str] = []
    for node, detail in zip(group, details, strict=True):
        parents = _short(sorted(map(_name_of, node.parent_keys)))
        lines += [f"### {_name(node)}", "", *_described(node), *_facts(node, parents)]
        lines += _columns(node)
        lines += [] if shared else detail
    if shared and details[0]:
        lines += [f"### Every asset of the group {group[0].group_name}", "", *details[0]]
    return lines


def _details(node: Any, metadata: Mapping[str, Recorded]) -> list[str]:
    return [*_config(node), *_metadata(metadata)]


def _columns(node: Any) -> list[str]:
    schema = node.metadata.get("dagster/column_schema")
    if schema is None:
        return []
    schema = getattr(schema, "schema", schema)
    rows = ((code(each.name), each.type, each.description or "") for each in schema.columns)
    return folded(f"{len(schema.columns)} columns", table(("column", "type", "what"), rows))


def _migrations(
    group: Sequence[Any], metadata: Mapping[dg.AssetKey, dict[str, Recorded]]
) -> list[str]:
    newest = group[-1]
    said = [(node.description or "").split("\n\n") for node in group]
    # What is true of all of them; the rest is of one.
    common = [text for text in said[-1] if all(text in each for each in said)]
    lines = [line for text in common for line in (*text.splitlines(), "")]
    lines += [*_facts(newest, "the one before it"), *_metadata(metadata[newest.key])]
    rows = (
        (code(node.key.path[-1]), " ".join(text for text in each if text not in common))
        for node, each in zip(group, said, strict=True)
    )
    return lines + folded("All of them", table(("migration", "what"), rows))


def _described(node: Any) -> list[str]:
    text = _PAGE.sub(r"[\1](../\1)", node.description or "")
    return [*text.splitlines(), ""]


def _facts(node: Any, parents: str) -> list[str]:
    kinds = codes(sorted(node.kinds))
    facts = [f"kinds {kinds}"] if kinds else []
    facts += [f"owner {codes(sorted(node.owners))}"] if node.owners else []
    facts += [f"partitions: {text}"] if (text := _partitions(node)) else []
    facts += [] if node.is_materializable else ["Dagster looks at it and does not make it"]
    said = "; ".join(facts)
    lines = [f"{said[:1].upper()}{said[1:]}.", ""] if said else []
    lines += [f"Depends on {parents}.", ""] if parents else []
    return [*lines, *_files(node)]


def _files(node: Any) -> list[str]:
    found = getattr(node.metadata.get("dagster/code_references"), "code_references", ())
    files = [Path(each.file_path).relative_to(ROOT).as_posix() for each in found]
    if node.group_name == "migrations":
        files = [file for file in files if file.endswith(".py")]
    links = (f"[{code(file)}](../../{file})" for file in dict.fromkeys(files))
    return [f"Code: {', '.join(links)}.", ""] if files else []


def _short(parents: Sequence[str]) -> str:
    """Return the parents with all migrations as what they are: the schema."""
    named = [name for name in parents if not name.startswith("migrations/")]
    schema = ["the last migration"] if len(named) < len(parents) else []
    return ", ".join([*(f"[{code(name)}]({anchor(name)})" for name in named), *schema])


def _partitions(node: Any) -> str:
    definition = node.partitions_def
    if definition is None:
        return ""
    ahead = ", the present one too" if getattr(definition, "end_offset", 0) else ""
    return f"{_period(node)} since `BACKFILL_START`, UTC{ahead}"


def _period(node: Any) -> str:
    if node.partitions_def is None:
        return ""
    return type(node.partitions_def).__name__.replace("PartitionsDefinition", "").lower()


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
    # Every field of pydantic may be unset, as Dagster sees it.
    kind = getattr(field.config_type, "inner_type", field.config_type)
    if values := getattr(kind, "enum_values", None):
        return codes([each.config_value for each in values], " or ")
    if kind.key.startswith("Array."):
        return f"list of {TYPES[kind.inner_type.key]}"
    return TYPES[kind.key]


def _default(field: Any) -> str:
    if not field.default_provided or field.default_value in (None, ""):
        return "unset"
    value = field.default_value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _metadata(found: Mapping[str, Recorded]) -> list[str]:
    lines = []
    for observed, title in ((False, "Records:"), (True, "Records when it only looks:")):
        rows = [
            (code(name), each.kind, METADATA.get(name, ""))
            for name, each in sorted(found.items())
            if each.observed is observed
        ]
        lines += [title, "", *table(("metadata", "type", "what"), rows)] if rows else []
    return lines


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
