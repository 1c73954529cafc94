"""Little that would become much: refused, or let go of again."""

from __future__ import annotations

import gzip
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.adapters.replay_process import _LOG_BYTES, _end_of
from promtsdb_dagster.core.rule_templates import parse_definitions, render
from promtsdb_dagster.core.rules import Rule, parse_rule_file
from promtsdb_dagster.core.samples import Routing, _stored_tags, convert
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import RuleError, SourceIncomplete
from tests.doubles.scripted_http import Answer, scripted

_HOUR = timedelta(hours=1)
_START = datetime(2026, 1, 1, tzinfo=timezone.utc)
_WINDOW = Window(_START, _START + _HOUR)


def test_rules_that_many_groups_share_are_refused() -> None:
    rules = "".join(f"      - {{record: r{n}, expr: up}}\n" for n in range(500))
    more = "".join(f"  - {{name: g{n}, interval: 1m, rules: *r}}\n" for n in range(500))
    text = f"groups:\n  - name: g\n    interval: 1m\n    rules: &r\n{rules}{more}"
    with pytest.raises(RuleError, match=r"f.yaml:1: not valid YAML: more than 200000 values"):
        parse_rule_file(text, "f.yaml")


def test_a_few_shared_rules_are_not() -> None:
    text = (
        "groups:\n  - {name: a, interval: 1m, rules: &r [{record: x, expr: up}]}\n"
        "  - {name: b, interval: 1h, rules: *r}\n"
    )
    assert [group.rules[0].record for group in parse_rule_file(text, "f.yaml")] == ["x", "x"]


def test_words_that_double_words_are_refused() -> None:
    words = "".join(f"  w{n}: '$w{n - 1}$w{n - 1}'\n" for n in range(1, 60))
    text = f"words:\n  w0: xxxxxxxx\n{words}groups: {{}}\nmetrics: []\n"
    with pytest.raises(RuleError, match=r"m.yaml:15: .*gets too long, wanted 32768 characters"):
        parse_definitions(text, "m.yaml")


def test_an_expression_of_several_lines_keeps_its_comment_to_one() -> None:
    """Between single quotes YAML would fold the lines into one: all of it a comment."""
    text = (
        "groups: {live: {interval: 1m, gauges: instant}}\n"
        'metrics: [{record: a, select: "# why\\nup"}]\n'
    )
    [rendered] = render(parse_definitions(text, "m.yaml"), command="c").values()
    [group] = parse_rule_file(rendered, "live.yaml")
    assert group.rules[0].expr == "# why\nup"


@pytest.mark.parametrize(("length", "remembered"), [(10, 1), (30_000, 0)])
def test_only_small_labels_are_remembered(length: int, remembered: int) -> None:
    rule = Rule("g", f"of_{length}", "up", {}, "f", 1)
    answer = [{"metric": {"a": "x" * length}, "values": [[int(_START.timestamp()), "1"]]}]
    before = _stored_tags.cache_info().currsize
    converted = convert(rule, answer, window=_WINDOW, step=_HOUR, routing=Routing())
    assert converted.series[0].tags["a"] == "x" * length
    assert _stored_tags.cache_info().currsize - before == remembered


def test_an_answer_that_is_packed_twice_is_not_unpacked() -> None:
    body = gzip.compress(gzip.compress(Answer().body))
    packed = Answer(body, headers={"Content-Encoding": "gzip, gzip"})
    with (
        scripted(packed) as server,
        Prometheus(server.url, attempts=1) as source,
        pytest.raises(SourceIncomplete, match="'gzip, gzip', wanted at most one"),
    ):
        source.query_range("up", _WINDOW, _HOUR)


def test_a_log_that_is_cut_begins_with_a_whole_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("x" * 20 + "secret\n" + "y" * (_LOG_BYTES - 4))
    assert _end_of(log) == "y" * (_LOG_BYTES - 4)
    log.write_text("short\n")
    assert _end_of(log) == "short\n"
