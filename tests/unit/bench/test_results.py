"""Results are judged by their targets and survive the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.results import Result, at_least, at_most, load, merged, save, told
from promtsdb_dagster.errors import ConfigurationError


def found(name: str, topic: str, engine: str = "postgresql", value: float = 1.0) -> Result:
    return told(name, engine, value, unit="s", topic=topic)


def test_targets_are_met_or_missed() -> None:
    assert at_least("a", "any", 0.22, 0.22, unit="x").met is True
    assert at_least("a", "any", 0.21, 0.22, unit="x").met is False
    assert at_most("a", "any", 50, 50, unit="ms").met is True
    assert at_most("a", "any", 51, 50, unit="ms").met is False
    assert at_most("a", "any", 51, 1 / 100, unit="ms").target == "<= 0.01"
    assert told("a", "any", 51, unit="ms").met is None


def test_the_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.json"
    results = [
        at_least("first", "timescaledb", 0.31, 0.22, unit="of the limit", rows=5, ways={"a": [1]}),
        told("second", "any", 3, unit="s"),
    ]
    save(path, results)
    assert load(path) == results
    rows = json.loads(path.read_text())
    assert [set(row) for row in rows] == [
        {"name", "engine", "value", "unit", "target", "met", "detail"}
    ] * 2


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text('[{"speed": 1}]')
    with pytest.raises(ConfigurationError, match=r"results\.json is not a list of results"):
        load(path)


def test_a_topic_that_ran_again_leaves_nothing_old() -> None:
    before = [found("gone", "writing"), found("stays", "api"), found("other", "writing", "any")]
    now = [found("new", "writing")]
    finished = {("writing", "postgresql")}
    assert [each.name for each in merged(before, now, finished)] == ["stays", "other", "new"]


def test_a_topic_that_broke_off_replaces_what_it_found() -> None:
    before = [found("same", "writing", value=1), found("later", "writing", value=1)]
    now = [found("same", "writing", value=2)]
    assert {each.name: each.value for each in merged(before, now, ())} == {"same": 2, "later": 1}


def test_detail_that_a_topic_gave_is_not_overwritten() -> None:
    assert told("a", "any", 1, unit="s", size="own").with_detail(size="full", seed=1).detail == {
        "size": "own",
        "seed": 1,
    }
