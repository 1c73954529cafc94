"""Any text of a rule file: groups that can be evaluated and stored, or an error with its line."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from promtsdb_dagster.core.promql import check_promql
from promtsdb_dagster.core.replaying import Job
from promtsdb_dagster.core.rules import RuleGroup, parse_rule_file
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import RuleError

LONGEST_MESSAGE = 2_000
# What an index entry of PostgreSQL holds, with the longest schema.
_LONGEST_NAME = 2_000 - len("mainnet")
_START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def check(data: bytes) -> None:
    """Read a file as it is, then what a replay would write of it."""
    text = data.decode("utf-8", "surrogateescape" if data[:1] == b"#" else "replace")
    try:
        groups = parse_rule_file(text, "f.yaml")
    except RuleError as error:
        assert re.match(r"f\.yaml:[1-9][0-9]*: ", str(error)), str(error)
        assert len(str(error)) <= LONGEST_MESSAGE, f"a message of {len(str(error))} characters"
        return
    for group in groups:
        _judge(group)


def _judge(group: RuleGroup) -> None:
    assert group.rules
    assert timedelta(seconds=1) <= group.step <= timedelta(days=1)
    assert timedelta(days=1) % group.step == timedelta(0)
    for rule in group.rules:
        check_promql(rule.expr)
        assert len(rule.record) <= _LONGEST_NAME
        assert rule.key.startswith(f"{rule.record}@")
        "\n".join([rule.record, rule.expr, *rule.labels, *rule.labels.values()]).encode()
        assert not any("\0" in word for word in (*rule.labels, *rule.labels.values()))
    assert len({rule.key for rule in group.rules}) == len(group.rules)
    job = Job(group.name, group.step, Window(_START, _START + timedelta(days=1)), group.rules)
    [again] = parse_rule_file(job.rule_file(), "again.yaml")
    assert (again.name, again.step) == (group.name, group.step)
    assert [(r.record, r.expr, dict(r.labels)) for r in again.rules] == [
        (r.record, r.expr, dict(r.labels)) for r in group.rules
    ]
