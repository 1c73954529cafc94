"""What a rule file may say, and the place that every refusal names."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promtsdb_dagster.core.durations import parse_duration
from promtsdb_dagster.core.promql import MAX_TOKENS, canonical
from promtsdb_dagster.core.rules import Rule, parse_rule_file
from promtsdb_dagster.errors import RuleError

GOOD = """\
groups:
  - name: live
    interval: 1h30m
    concurrency: 4
    labels: {team: a, site: b}
    rules:
      - record: jobs:up
        expr: count(up{job!="x"})  # a comment
        labels: {site: c}
      - record: other
        expr: |
          sum by (job)
            (up)
"""


def test_a_good_file_becomes_groups_and_rules() -> None:
    (group,) = parse_rule_file(GOOD.replace("1h30m", "15m"), "some.yaml")
    assert (group.name, group.step, group.file) == ("live", timedelta(minutes=15), "some.yaml")
    first, second = group.rules
    assert (first.group, first.record, first.line) == ("live", "jobs:up", 7)
    assert first.expr == 'count(up{job!="x"})'
    assert first.labels == {"team": "a", "site": "c"}
    assert second.labels == {"team": "a", "site": "b"}
    assert (second.line, second.expr) == (10, "sum by (job)\n  (up)")


def rule(expr: str, labels: dict[str, str] | None = None) -> Rule:
    return Rule("g", "r", expr, labels or {}, "f.yaml", 1)


def test_the_key_follows_the_meaning_not_the_spelling() -> None:
    key = rule("sum by (a) (b)").key
    assert key.startswith("r@")
    assert len(key) == len("r@") + 8
    assert key == rule("sum  by(a)(\n b # why\n)").key
    assert key != rule("sum by (a) (c)").key
    assert key != rule("sum by (a) (b)", {"x": "1"}).key
    assert rule('a{x="# no comment"}').key != rule('a{x="# no  comment"}').key


def test_canonical_text_keeps_what_a_comment_hides() -> None:
    assert canonical("a # x\n + b") != canonical("a # x + b")


def group(rules: str, head: str = "    interval: 1m\n", name: str = "live") -> str:
    return f"groups:\n  - name: {name}\n{head}    rules:\n{rules}"


def one(expr: str) -> str:
    return group(f"      - record: foo\n        expr: {expr}\n")


OK = "      - record: foo\n        expr: up\n"

# what is wrong, the file, the line, group and rule it must name, and a word of the reason
REFUSED = [
    ("empty file", "# nothing\n", 1, "", "", "empty"),
    ("no groups", "groups: []\n", 1, "", "", "no groups"),
    ("groups missing", "{}\n", 1, "", "", "no groups"),
    ("not a mapping", "- a\n", 1, "", "", "a list"),
    ("groups no list", "groups: 3\n", 1, "", "", "wanted a list"),
    ("unknown top field", "groups: []\nrules: []\n", 2, "", "", "unknown field 'rules'"),
    ("two documents", group(OK) + "---\n" + group(OK), 7, "live", "foo", "single document"),
    ("yaml syntax", group(OK + "      - record: 'x\n"), 8, "live", "x", "from line 7"),
    ("tab", group("\t- record: x\n"), 5, "live", "", "not valid YAML"),
    ("control character", group(OK + "\x01"), 7, "live", "foo", "not valid YAML"),
    ("no group name", "groups:\n  - interval: 1m\n    rules: []\n", 2, "", "", "no name"),
    ("group unknown", group(OK, "    interval: 1m\n    colour: x\n"), 4, "live", "", "'colour'"),
    ("group twice", group(OK) + group(OK)[8:], 7, "live", "", "stands above"),
    ("field twice", group(OK, "    interval: 1m\n    interval: 1m\n"), 4, "", "", "twice"),
    ("no interval", group(OK, ""), 2, "live", "", "no interval"),
    ("bad interval", group(OK, "    interval: 5 min\n"), 3, "live", "", "'5 min'"),
    ("go interval", group(OK, "    interval: 1.5h\n"), 3, "live", "", "not a duration"),
    ("zero interval", group(OK, "    interval: 0s\n"), 3, "live", "", "more than 0"),
    ("negative interval", group(OK, "    interval: -1m\n"), 3, "live", "", "not a duration"),
    ("huge interval", group(OK, f"    interval: {'9' * 5000}y\n"), 3, "live", "", "not a dur"),
    ("long interval", group(OK, "    interval: 999999999y\n"), 3, "live", "", "200 years"),
    ("uneven interval", group(OK, "    interval: 7m\n"), 3, "live", "", "divide a day"),
    ("week", group(OK, "    interval: 1w\n"), 3, "live", "", "divide a day"),
    ("milliseconds", group(OK, "    interval: 500ms\n"), 3, "live", "", "whole seconds"),
    ("concurrency", group(OK, "    interval: 1m\n    concurrency: x\n"), 4, "live", "", "'x'"),
    ("graphite", group(OK, "    interval: 1m\n    type: graphite\n"), 4, "live", "", "PromQL"),
    ("offset", group(OK, "    interval: 1m\n    eval_offset: 5s\n"), 4, "live", "", "multiples"),
    ("params", group(OK, "    interval: 1m\n    params: {a: [b]}\n"), 4, "live", "", "params"),
    ("no rules", "groups:\n  - name: live\n    interval: 1m\n", 2, "live", "", "no rules"),
    ("empty rules", group("      []\n"), 2, "live", "", "no rules"),
    ("rule a text", group("      - up\n"), 5, "live", "number 1", "the text 'up'"),
    ("no record", group("      - expr: up\n"), 5, "live", "number 1", "no record"),
    ("null record", group("      - {expr: up, record: }\n"), 5, "live", "number 1", "no record"),
    ("no expr", group(OK + "      - record: bar\n"), 7, "live", "bar", "no expr"),
    ("unknown field", group(OK + "        colour: x\n"), 7, "live", "foo", "'colour'"),
    ("alert", group("      - {alert: Hot, expr: up}\n"), 5, "live", "Hot", "only recording"),
    ("for", group(OK + "        for: 5m\n"), 7, "live", "foo", "alerting"),
    ("merge key", group("      - <<: {record: a}\n"), 5, "live", "number 1", "merge"),
    ("metric name", group("      - {record: a-b, expr: up}\n"), 5, "live", "a-b", "metric name"),
    ("label name", group(OK + "        labels: {a-b: x}\n"), 7, "live", "foo", "'a-b'"),
    ("__name__", group(OK + "        labels: {__name__: x}\n"), 7, "live", "foo", "__name__"),
    ("label a list", group(OK + "        labels: {a: [1]}\n"), 7, "live", "foo", "a list"),
    ("labels a list", group(OK + "        labels: [a]\n"), 7, "live", "foo", "a list"),
    ("NUL", group(OK + '        labels: {a: "x\\0"}\n'), 7, "live", "foo", "NUL"),
    ("surrogate", group(OK + '        labels: {a: "\\ud800"}\n'), 7, "live", "foo", "surrogate"),
    ("code point", group(OK + '        labels: {a: "\\UFFFFFFFF"}\n'), 1, "", "", "not valid YAML"),
    ("promql", one("sum("), 6, "live", "foo", "not valid PromQL"),
    ("metricsql", one("sum(up) default 0"), 6, "live", "foo", "MetricsQL"),
    ("unknown function", one("foo(up)"), 6, "live", "foo", "foo"),
    ("range", one("up[5m]"), 6, "live", "foo", "range"),
    ("subquery", one("((up[5m:1m]))"), 6, "live", "foo", "range"),
    ("string", one("'\"x\"'"), 6, "live", "foo", "string"),
    ("too deep", one("+".join(["a"] * MAX_TOKENS)), 6, "live", "foo", "more than"),
    ("too long", one("a" * 40_000), 6, "live", "foo", "40000 characters"),
    ("rule twice", group(OK + OK.replace("up", "'up '")), 7, "live", "foo", "line 5"),
    ("only case", group(OK + OK.replace("foo", "Foo")), 7, "live", "Foo", "'foo' on line 5"),
]


@pytest.mark.parametrize(
    ("text", "line", "group_name", "rule_name", "reason"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
def test_a_refusal_names_file_line_group_and_rule(
    text: str, line: int, group_name: str, rule_name: str, reason: str
) -> None:
    with pytest.raises(RuleError) as caught:
        parse_rule_file(text, "rules/mine.yaml")
    message = str(caught.value)
    assert message.startswith(f"rules/mine.yaml:{line}: ")
    assert reason in message
    if group_name:
        assert f"group '{group_name}'" in message
    if rule_name:
        assert f"rule '{rule_name}'" in message
    assert len(message) < 1_000


@pytest.mark.parametrize("field", ["limit: 0", "eval_alignment: true", "eval_delay: 30s", "type: "])
def test_fields_that_change_no_sample_are_let_through(field: str) -> None:
    assert parse_rule_file(group(OK, f"    interval: 1m\n    {field}\n"), "f.yaml")


def test_one_record_may_have_several_rules() -> None:
    (found,) = parse_rule_file(group(OK + OK.replace("up", "down")), "f.yaml")
    assert len({rule.key for rule in found.rules}) == 2


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m", 60), ("1h30m", 5400), ("1d", 86400), ("1w", 604800), ("0s", 0)]
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "1", "m", "1m1h", "1 m", "1.5h", "-1m", "\u0661m", "1m\n"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


def parses_or_refuses(text: str) -> None:
    with suppress(RuleError):
        assert parse_rule_file(text, "fuzz.yaml")


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(st.text(), st.text(alphabet="groups: -\n[]{}&*!|>'\"nameexprcord<#\\x0"), st.none())
)
def test_any_text_parses_or_is_refused(text: str | None) -> None:
    parses_or_refuses(GOOD if text is None else text)


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(GOOD)), st.integers(0, 30), st.text(max_size=20))
def test_a_damaged_file_parses_or_is_refused(start: int, length: int, put: str) -> None:
    parses_or_refuses(GOOD[:start] + put + GOOD[start + length :])


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="sumbyab(){}[]:=~!\"'`+-*/^,#@0159. \n\\", max_size=60))
def test_any_expression_parses_or_is_refused(expr: str) -> None:
    quoted = expr.replace("'", "''")
    parses_or_refuses(one(f"'{quoted}'"))


@pytest.mark.parametrize("text", ["[" * 5_000, "{a: " * 5_000, "groups: &a [*a]", "a: &a {b: *a}"])
def test_deep_and_circular_documents_are_refused(text: str) -> None:
    with pytest.raises(RuleError):
        parse_rule_file(text, "deep.yaml")
