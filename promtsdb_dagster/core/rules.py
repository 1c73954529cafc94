"""Recording rules in vmalert's format, refused with file and line where vmalert would."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

import yaml

from promtsdb_dagster.core.durations import parse_duration
from promtsdb_dagster.core.promql import canonical, check_promql
from promtsdb_dagster.core.rule_yaml import Place, compose, fields, items, text_of
from promtsdb_dagster.core.shown import shortened

METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_DAY = timedelta(days=1)
# What the staging trigger takes too: an index entry of PostgreSQL holds at most 2704 bytes.
_LONGEST_RECORD = 1_900

_GROUP_FIELDS = frozenset({"name", "interval", "concurrency", "labels", "rules"})
_RULE_FIELDS = frozenset({"record", "expr", "labels"})
# They steer how vmalert or Prometheus work, not what a sample is worth.
_HARMLESS = frozenset(
    {"debug", "update_entries_limit", "notifier_headers", "eval_delay", "query_offset"}
)
# field -> the value that changes nothing, and what any other would do to a backfill
_REFUSED = {
    "type": ("prometheus", "only PromQL can be backfilled"),
    "limit": ("0", "a backfill cannot keep it"),
    "eval_offset": ("", "it moves samples off the multiples of the interval"),
    "eval_alignment": ("true", "it moves samples off the multiples of the interval"),
    "tenant": ("", "the whole backfill reads from one source"),
    "params": ("", "every rule is sent with the same parameters"),
    "headers": ("", "every rule is sent with the same headers"),
    "extra_filter_labels": ("", "write the filters into the expressions"),
}
_ALERT_FIELDS = frozenset({"alert", "for", "keep_firing_for", "annotations"})


@dataclass(frozen=True)
class Rule:
    """Hold one recording rule; `labels` has the group's labels too; lines count from 1."""

    group: str
    record: str
    expr: str
    labels: Mapping[str, str] = field(hash=False)
    file: str
    line: int

    @cached_property
    def key(self) -> str:
        """Return a name that changes whenever the rule's meaning may have changed."""
        meaning = json.dumps([canonical(self.expr), sorted(self.labels.items())])
        return f"{self.record}@{hashlib.sha256(meaning.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class RuleGroup:
    """Hold the rules evaluated together at every multiple of `step` since the epoch."""

    name: str
    step: timedelta
    rules: tuple[Rule, ...]
    file: str


def parse_rule_file(text: str, file: str) -> tuple[RuleGroup, ...]:
    """Return the groups of a rule file; raise RuleError naming file, line, group and rule."""
    root = compose(text, file)
    place = Place(file)
    if root is None:
        raise place.error("the file is empty, wanted `groups:` with at least one group")
    top = fields(root, place, "the file", {"groups"})
    nodes = items(top["groups"], place, "`groups`") if "groups" in top else []
    if not nodes:
        raise place.error("the file has no groups, wanted `groups:` with at least one group")
    groups: dict[str, RuleGroup] = {}
    for node in nodes:
        group = _group(node, place.at(node))
        if group.name in groups:
            raise (
                place.at(node)
                .within(group=group.name)
                .error("a group of this name stands above; rename one or put their rules together")
            )
        groups[group.name] = group
    return tuple(groups.values())


def _group(node: yaml.Node, place: Place) -> RuleGroup:
    found = fields(node, place, "the group")
    name = text_of(found["name"], place, "`name`").strip() if "name" in found else ""
    if not name:
        raise place.error("a group has no name, wanted `name:`")
    place = place.within(group=name)
    fields(node, place, "the group", _GROUP_FIELDS | _HARMLESS | _REFUSED.keys())
    for refused in _REFUSED.keys() & found.keys():
        harmless, reason = _REFUSED[refused]
        value = found[refused]
        if not isinstance(value, yaml.ScalarNode) or text_of(value, place, refused) not in (
            "",
            harmless,
        ):
            raise place.at(value).error(f"`{refused}` is not supported: {reason}; remove it")
    if "concurrency" in found:
        concurrency = text_of(found["concurrency"], place, "`concurrency`")
        if not re.fullmatch(r"[0-9]{1,6}", concurrency):
            raise place.at(found["concurrency"]).error(
                f"`concurrency` is {concurrency[:40]!r}, wanted a whole number of rules at once"
            )
    labels = _labels(found.get("labels"), place)
    rules: dict[str, Rule] = {}
    spelled: dict[str, Rule] = {}
    nodes = items(found["rules"], place, "`rules`") if "rules" in found else []
    if not nodes:
        raise place.error("the group has no rules, wanted at least one")
    for position, rule_node in enumerate(nodes, start=1):
        rule = _rule(rule_node, place.at(rule_node).within(rule=f"number {position}"), labels)
        here = place.at(rule_node).within(rule=rule.record)
        if first := rules.get(rule.key):
            raise here.error(
                f"the same record, expression and labels as on line {first.line}; remove one"
            )
        first = spelled.setdefault(rule.record.lower(), rule)
        if first.record != rule.record:
            raise here.error(
                f"differs only by case from {first.record!r} on line {first.line}; "
                "names are stored in lower case, so rename one"
            )
        rules[rule.key] = rule
    return RuleGroup(name, _step(found.get("interval"), place), tuple(rules.values()), place.file)


def _rule(node: yaml.Node, place: Place, group_labels: Mapping[str, str]) -> Rule:
    found = fields(node, place, "the rule")
    if "alert" in found:
        alert = text_of(found["alert"], place, "`alert`")
        raise place.within(rule=alert).error(
            "this is an alerting rule and only recording rules are backfilled; "
            "keep alerts in a folder of their own"
        )
    record = text_of(found["record"], place, "`record`") if "record" in found else ""
    if not record:
        raise place.error("the rule has no record, wanted `record:` with the name of its series")
    place = place.within(rule=record)
    if not METRIC_NAME.fullmatch(record):
        raise place.at(found["record"]).error(
            "`record` is not a metric name, wanted letters, digits, _ and :, not a digit first"
        )
    if len(record) > _LONGEST_RECORD:
        raise place.at(found["record"]).error(
            f"`record` has {len(record)} characters, wanted at most {_LONGEST_RECORD}: "
            "PostgreSQL's indexes hold no longer names"
        )
    for name in sorted(_ALERT_FIELDS & found.keys()):
        raise place.at(found[name]).error(f"`{name}` belongs to alerting rules; remove it")
    fields(node, place, "the rule", _RULE_FIELDS | _HARMLESS)
    expr = text_of(found["expr"], place, "`expr`").strip() if "expr" in found else ""
    if not expr:
        raise place.error("the rule has no expr, wanted `expr:` with a PromQL expression")
    try:
        check_promql(expr)
    except ValueError as error:
        raise place.at(found["expr"]).error(f"`expr`: {shortened(str(error), 600)}") from None
    labels = {**group_labels, **_labels(found.get("labels"), place)}
    return Rule(place.group, record, expr, labels, place.file, place.line)


def _labels(node: yaml.Node | None, place: Place) -> dict[str, str]:
    if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
        return {}
    labels = {}
    for name, value in fields(node, place, "`labels`").items():
        if not _LABEL_NAME.fullmatch(name) or name == "__name__":
            raise place.at(value).error(
                f"{name[:60]!r} is not a label name, wanted letters, digits and _, "
                "not a digit first, and not __name__"
            )
        labels[name] = text_of(value, place, f"label {name}")
    return labels


def _step(node: yaml.Node | None, place: Place) -> timedelta:
    text = "" if node is None else text_of(node, place, "`interval`")
    if node is None or not text:
        raise place.error(
            "the group has no interval, wanted one like 1m: vmalert's default is a flag of vmalert"
        )
    place = place.at(node)
    try:
        step = parse_duration(text)
    except ValueError as error:
        raise place.error(f"`interval`: {error}") from None
    if step <= timedelta(0):
        raise place.error(f"`interval` is {text[:40]!r}, wanted more than 0")
    if step % timedelta(seconds=1) or _DAY % step:
        raise place.error(
            f"`interval` is {text[:40]!r}, wanted whole seconds that divide a day evenly "
            "(1m, 5m, 15m, 1h, 1d), so that every partition ends on a sample"
        )
    return step
