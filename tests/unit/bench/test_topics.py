"""Every topic that is listed can run, and every topic that can run is listed."""

from __future__ import annotations

import ast
import inspect

import pytest

from bench.documents import ROOT
from bench.servers import ENGINES
from bench.topics import TOPICS, Topic
from bench.world import ANY

THERE = [topic for topic in TOPICS if topic.exists]


def test_modules_with_run_are_listed() -> None:
    """Read, not imported: a topic may import much."""
    topics = {
        path.stem
        for path in (ROOT / "bench").glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == "run"
    }
    assert topics <= {topic.name for topic in TOPICS}


@pytest.mark.parametrize("topic", THERE, ids=lambda topic: topic.name)
def test_a_topic_has_a_run_that_takes_a_bench(topic: Topic) -> None:
    assert list(inspect.signature(topic.load()).parameters) == ["bench"]
    assert topic.description
    assert topic.engines in (ENGINES, (ANY,))
