"""The page of the metrics: what rules/metrics.yaml defines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from docgen.markdown import anchor, block, code, codes, page, sentence, table
from promtsdb_dagster.adapters.rulefiles import METRICS_FILE, load_routing, read_text
from promtsdb_dagster.core.rule_templates import (
    Definition,
    GroupSpec,
    RuleSet,
    expression,
    parse_definitions,
)
from promtsdb_dagster.settings import ROOT

RULES = ROOT / "rules"
INTRODUCTION = """\
What `rules/metrics.yaml` defines. A metric's name is its `record`. Live samples are evaluated each
minute by vmalert; the backfills ask the same of the source's history at a coarser step, where
*made of history by* says what becomes of the samples within a step. Names are stored in lower
case. To bring others, see [your own rules](../how-to/use-your-own-rules.md); to change one, edit
that file, render the others, and [replace](../how-to/recover-wrong-rule.md) what is stored.

*Kept in* is the `p_schema` of the [API](api.md). A gauge whose series have a label `manifest_tier`
is kept under that tier, any other under `common`.
"""
_BY = {
    "avg": "average",
    "last": "newest sample",
    "instant": "value at the end of the step",
    "increment": "average per second by its seconds: increments, to be added up",
}


def page_text() -> str:
    """Return the page."""
    rules = definitions()
    routing = load_routing(RULES)
    sections: dict[str, list[list[Definition]]] = {}
    for record, found in groupby(rules.definitions, key=lambda each: each.record):
        together = list(found)
        if record.lower() in routing.geo:
            title = "Positions"
        elif record.lower() in routing.cumulative:
            title = "Running totals"
        else:
            title = "Gauges of each tier" if len(together) > 1 else "Gauges"
        sections.setdefault(title, []).append(together)
    lines = [*_groups(rules)]
    for title, metrics in sections.items():
        lines += [f"## {title}", "", _kept(title), ""]
        lines += table(("metric", "what it is", "unit", "made of history by"), map(_row, metrics))
    lines += ["## What is asked of the source", ""]
    for metrics in sections.values():
        for together in metrics:
            lines += _asked(together, rules.groups)
    return page("Metrics", INTRODUCTION, lines)


def definitions() -> RuleSet:
    """Return what the file defines."""
    return parse_definitions(read_text(RULES / METRICS_FILE), f"rules/{METRICS_FILE}")


def _groups(rules: RuleSet) -> list[str]:
    gauges = {"instant": "as they are", "reduced": "of history", "none": "none"}
    rows = (
        (code(each.name), each.interval, gauges[each.gauges], "yes" if each.cumulative else "no")
        for each in rules.groups
    )
    header = ("group", "step", "gauges", "running totals")
    return ["## Groups of rules", "", "One file each, one backfill each.", "", *table(header, rows)]


def _kept(title: str) -> str:
    return {
        "Positions": "Kept in `geo`; `get_latest_geo_coordinates` answers them.",
        "Running totals": "Kept in `cumsum` for ever, as increments; the API adds them up.",
        "Gauges of each tier": "Kept in `mainnet` and `testnet`, for a year, then as buckets only.",
        "Gauges": "Kept in `common`, for a year, then as buckets only.",
    }[title]


def _row(together: Sequence[Definition]) -> tuple[str, ...]:
    one = together[0]
    name = f"[{code(one.record)}]({anchor(one.record)})"
    return (name, sentence(one.about), one.unit, _BY[one.reduce])


def _asked(together: Sequence[Definition], groups: Sequence[GroupSpec]) -> list[str]:
    one = together[0]
    asked: dict[str, list[str]] = {}
    for group in groups:
        wanted = group.cumulative if one.cumulative else group.gauges != "none"
        if wanted:
            asked.setdefault(expression(one, group), []).append(group.name)
    lines = [f"### {one.record}", ""]
    if len(together) > 1:
        lines += ["Of `mainnet`; of the other tiers alike.", ""]
    for text, names in asked.items():
        lines += [f"{codes(names)}:", "", *block(text, "promql")]
    return lines
