"""How one definition becomes the text of several groups."""

from __future__ import annotations

import pytest

from promtsdb_dagster.core.rule_templates import parse_definitions, render
from promtsdb_dagster.errors import RuleError

SMALL = """\
tiers: [a, b]
words: {job: 'job="x"', both: '$job,tier="$tier"'}
groups:
  now: {interval: 1m, gauges: instant}
  later: {interval: 5m, concurrency: 3, gauges: reduced, cumulative: true}
metrics:
"""


def rendered(metric: str) -> dict[str, str]:
    return render(parse_definitions(f"{SMALL}  - {metric}\n", "m.yaml"), command="do it")


def test_rendering_is_plain_and_repeatable() -> None:
    files = rendered("{record: r, select: 'up{$both,z=~\"it''s$$\"}', reduce: last, scale: 2}")
    assert files == rendered(
        "{record: r, select: 'up{$both,z=~\"it''s$$\"}', reduce: last, scale: 2}"
    )
    assert files["later.yaml"] == (
        "# Generated from metrics.yaml; do not edit. After a change there:\n#   do it\n"
        "groups:\n  - name: later\n    interval: 5m\n    concurrency: 3\n    rules:\n"
        "      - record: r\n"
        '        expr: \'last_over_time(up{job="x",tier="a",z=~"it\'\'s$"}[5m]) * 2\'\n'
        "      - record: r\n"
        '        expr: \'last_over_time(up{job="x",tier="b",z=~"it\'\'s$"}[5m]) * 2\'\n'
    )
    assert "_over_time" not in files["now.yaml"]


def test_an_expression_is_multiplied_as_a_whole() -> None:
    files = rendered("{record: r, select: {x: a, y: b}, expr: $x + $y, reduce: increment}")
    assert "'(avg_over_time(a[5m]) + avg_over_time(b[5m])) * 300'" in files["later.yaml"]


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("{record: r, select: 'up{$nix}'}", "$nix is not known"),
        ("{record: r, select: 'up$'}", "write $$"),
        ("{record: r, select: up, reduce: sum}", "'sum'"),
        ("{record: r, select: up, scale: x}", "'x'"),
        ("{record: r, select: up, across: sum, expr: $select}", "keep one"),
        ("{record: r, select: {a: up}}", "$select is not known"),
        ("{record: r}", "wanted both"),
        ("{record: r, select: up, colour: red}", "'colour'"),
    ],
)
def test_a_bad_definition_is_refused_with_its_line(metric: str, reason: str) -> None:
    with pytest.raises(RuleError) as caught:
        rendered(metric)
    assert str(caught.value).startswith("m.yaml:7: ")
    assert reason in str(caught.value)
