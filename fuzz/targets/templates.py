"""metrics.yaml and routing.yaml: what is rendered parses again, and else the line is named."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from promtsdb_dagster.adapters.rulefiles import ROUTING_FILE, load_routing
from promtsdb_dagster.core.rule_templates import parse_definitions, render
from promtsdb_dagster.core.rules import parse_rule_file
from promtsdb_dagster.errors import RuleError

LONGEST_MESSAGE = 2_000
_FOLDER = tempfile.TemporaryDirectory(prefix="promtsdb-fuzz-")


def check(data: bytes) -> None:
    """Read the bytes as either file."""
    _routing(data)
    try:
        rules = parse_definitions(data.decode("utf-8", "replace"), "metrics.yaml")
        files = render(rules, command="render")
    except RuleError as error:
        _judge(error, "metrics.yaml")
        return
    assert set(files) == {f"{group.name}.yaml" for group in rules.groups}
    for name, text in files.items():
        assert Path(name).name == name
        try:
            [group] = parse_rule_file(text, name)
        except RuleError as error:
            # PromQL is judged where the file is read, not where it is rendered; YAML is not.
            assert "not valid YAML" not in str(error), str(error)
            _judge(error, name)
        else:
            assert f"{group.name}.yaml" == name
    assert render(rules, command="render") == files


def _routing(data: bytes) -> None:
    folder = Path(_FOLDER.name)
    (folder / ROUTING_FILE).write_bytes(data)
    try:
        routing = load_routing(folder)
    except RuleError as error:
        _judge(error, ROUTING_FILE)
    else:
        assert not routing.geo & routing.cumulative
        assert all(name == name.lower() for name in routing.geo | routing.cumulative)


def _judge(error: RuleError, name: str) -> None:
    assert re.search(rf"{re.escape(name)}:[1-9][0-9]*: ", str(error)), str(error)
    assert len(str(error)) <= LONGEST_MESSAGE, f"a message of {len(str(error))} characters"
