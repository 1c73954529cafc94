"""One definition per metric, rendered to the rule groups, so that the groups cannot drift."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from string import Template

import yaml

from promtsdb_dagster.core.durations import parse_duration
from promtsdb_dagster.core.promql import MAX_CHARACTERS
from promtsdb_dagster.core.rule_yaml import Place, compose, fields, items, text_of
from promtsdb_dagster.core.rules import METRIC_NAME
from promtsdb_dagster.core.shown import shortened

HEADER = "# Generated from metrics.yaml; do not edit. After a change there:\n#   {command}\n"

_MOST_TIERS = 100
_MOST_FILLED = 1_000_000
_FIELDS = {"record", "about", "unit", "select", "across", "expr", "reduce", "scale"}
_REDUCERS = {"avg": "avg_over_time", "last": "last_over_time", "increment": "avg_over_time"}


@dataclass(frozen=True)
class GroupSpec:
    """Say how one group evaluates the definitions; `interval` as it is written in the file."""

    name: str
    interval: str
    step: timedelta
    concurrency: str
    gauges: str
    cumulative: bool


@dataclass(frozen=True)
class Definition:
    """Hold one metric: the selectors by name and the expression that they are put into."""

    record: str
    selectors: tuple[tuple[str, str], ...]
    expression: str
    reduce: str
    scale: str
    about: str = ""
    unit: str = ""

    @property
    def cumulative(self) -> bool:
        """Say whether samples are increments, to be added up."""
        return self.reduce == "increment"


@dataclass(frozen=True)
class RuleSet:
    """Hold what metrics.yaml says, tiers spelled out."""

    groups: tuple[GroupSpec, ...]
    definitions: tuple[Definition, ...]


def parse_definitions(text: str, file: str) -> RuleSet:
    """Return the definitions of a metrics.yaml; raise RuleError with file and line."""
    place = Place(file)
    root = compose(text, file)
    if root is None:
        raise place.error("the file is empty, wanted `groups:` and `metrics:`")
    top = fields(root, place, "the file", {"tiers", "words", "groups", "metrics"})
    for needed in ("groups", "metrics"):
        if needed not in top:
            raise place.error(f"the file has no `{needed}:`")
    tiers = [
        text_of(node, place, "a tier")
        for node in (items(top["tiers"], place, "`tiers`") if "tiers" in top else [])
    ]
    if len(tiers) > _MOST_TIERS:
        raise place.at(top["tiers"]).error(
            f"`tiers` has {len(tiers)}, wanted {_MOST_TIERS} at most"
        )
    words = fields(top["words"], place, "`words`") if "words" in top else {}
    groups = tuple(
        _group(name, node, place.at(node).within(group=name))
        for name, node in fields(top["groups"], place, "`groups`").items()
    )
    by_tier = []
    for tier in tiers or [""]:
        vocabulary = {"tier": tier} if tiers else {}
        for name, node in words.items():
            vocabulary[name] = _fill(text_of(node, place, name), vocabulary, place.at(node))
        by_tier.append(vocabulary)
    definitions: list[Definition] = []
    for node in items(top["metrics"], place, "`metrics`"):
        # Equal for all tiers means that it has none, and dict keeps the order of the rest.
        definitions += {_definition(node, place.at(node), v): None for v in by_tier}
    return RuleSet(groups, tuple(definitions))


def render(rules: RuleSet, *, command: str) -> dict[str, str]:
    """Return the text of every group's file by file name; the same input gives the same bytes."""
    return {
        f"{group.name}.yaml": HEADER.format(command=command) + _render_group(group, rules)
        for group in rules.groups
    }


def _render_group(group: GroupSpec, rules: RuleSet) -> str:
    lines = ["groups:", f"  - name: {group.name}", f"    interval: {group.interval}"]
    if group.concurrency:
        lines.append(f"    concurrency: {group.concurrency}")
    lines.append("    rules:")
    for definition in rules.definitions:
        wanted = group.cumulative if definition.cumulative else group.gauges != "none"
        if wanted:
            expr = _quoted(expression(definition, group))
            lines += [f"      - record: {definition.record}", f"        expr: {expr}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return a text as YAML; between single quotes, where that is what it says."""
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return yaml.safe_dump(text, default_style='"', width=sys.maxsize).rstrip("\n")


def expression(definition: Definition, group: GroupSpec) -> str:
    """Return the PromQL of a definition in a group."""
    instant = not definition.cumulative and group.gauges == "instant"
    reducer = None if instant else _REDUCERS.get(definition.reduce)
    selectors = {
        name: f"{reducer}({selector}[{group.interval}])" if reducer else selector
        for name, selector in definition.selectors
    }
    expr = Template(definition.expression).substitute(selectors)
    if definition.cumulative:
        expr += f" * {group.step // timedelta(seconds=1)}"
    return expr if definition.scale == "1" else f"{expr} * {definition.scale}"


def _group(name: str, node: yaml.Node, place: Place) -> GroupSpec:
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise place.error("a group's name names its file, wanted a-z, 0-9 and _")
    found = fields(node, place, "the group", {"interval", "concurrency", "gauges", "cumulative"})
    said = {key: text_of(value, place, f"`{key}`") for key, value in found.items()}
    gauges, cumulative = said.get("gauges", "none"), said.get("cumulative", "false")
    if gauges not in ("instant", "reduced", "none"):
        raise place.error(f"`gauges` is {gauges[:40]!r}, wanted instant, reduced or none")
    if cumulative not in ("true", "false"):
        raise place.error(f"`cumulative` is {cumulative[:40]!r}, wanted true or false")
    try:
        step = parse_duration(said.get("interval", ""))
    except ValueError as error:
        raise place.error(f"`interval`: {error}") from None
    concurrency = said.get("concurrency", "")
    if not re.fullmatch(r"[0-9]{0,6}", concurrency):
        raise place.error(f"`concurrency` is {concurrency[:40]!r}, wanted a whole number")
    return GroupSpec(name, said["interval"], step, concurrency, gauges, cumulative == "true")


def _definition(node: yaml.Node, place: Place, words: Mapping[str, str]) -> Definition:
    found = fields(node, place, "the metric", _FIELDS)
    record = text_of(found["record"], place, "`record`") if "record" in found else ""
    place = place.within(rule=record)
    if not record or "select" not in found:
        raise place.error("a metric has no `record` or no `select`, wanted both")
    if not METRIC_NAME.fullmatch(record):
        raise place.at(found["record"]).error("`record` is not a metric name")
    if isinstance(found["select"], yaml.MappingNode):
        nodes = fields(found["select"], place, "`select`")
    else:
        nodes = {"select": found["select"]}
    selectors = {
        name: _fill(text_of(value, place, f"selector {name}"), words, place.at(value))
        for name, value in nodes.items()
    }
    said = {
        key: text_of(found[key], place, f"`{key}`")
        for key in ("across", "expr", "reduce", "scale", "about", "unit")
        if key in found
    }
    if "across" in said and "expr" in said:
        raise place.error("`across` and `expr` are two ways to say one thing; keep one")
    if said.get("reduce", "instant") not in (*_REDUCERS, "instant"):
        raise place.error(
            f"`reduce` is {said['reduce'][:40]!r}, wanted avg, last, instant or increment"
        )
    scale = said.get("scale", "1")
    if not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", scale):
        raise place.error(f"`scale` is {scale[:40]!r}, wanted a number")
    multiplied = scale != "1" or said.get("reduce") == "increment"
    if "expr" in said:
        shape = f"({said['expr']})" if multiplied else said["expr"]
    elif "across" in said:
        shape = said["across"] + (" ($select)" if said["across"].endswith(")") else "($select)")
    else:
        shape = "$select"
    _fill(shape, selectors, place)
    return Definition(
        record,
        tuple(selectors.items()),
        shape,
        said.get("reduce", "instant"),
        scale,
        said.get("about", ""),
        said.get("unit", ""),
    )


def _fill(text: str, words: Mapping[str, str], place: Place) -> str:
    longest = len(text) + text.count("$") * max(map(len, words.values()), default=0)
    try:
        # Ten words of ten times the one before are ten billion characters.
        filled = Template(text).substitute(words) if longest <= _MOST_FILLED else None
        if filled is None or len(filled) > MAX_CHARACTERS:
            raise place.error(f"{text[:60]!r} gets too long, wanted {MAX_CHARACTERS} characters")
        return filled
    except KeyError as error:
        raise place.error(
            f"${error.args[0][:60]} is not known here, wanted one of "
            f"{shortened(', '.join(words) or 'none', 400)}"
        ) from None
    except ValueError:
        raise place.error(f"a $ without a name in {text[:60]!r}; write $$ for the sign") from None
