"""Tasks of several groups are fetched at once: kept apart, and bounded together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from promtsdb_dagster.core.fetching import Fetcher
from promtsdb_dagster.core.plan import Task
from promtsdb_dagster.core.rules import Rule
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.windows import EPOCH, Window
from promtsdb_dagster.errors import SourceTooLarge
from tests.doubles.memory import MemorySource

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SPAN = Window(EPOCH + 480_000 * HOUR, EPOCH + 480_001 * HOUR)
# The same rule over the same window, by the minute and by the hour: 60 rows and one.
TASKS = [
    Task(SPAN, Rule(group, "height", "height", {}, "f", 1), step, "height")
    for group, step in (("live", MINUTE), ("backfill_1y", HOUR))
]


def one_series(expr: str, instant: datetime, step: timedelta) -> Mapping[str, str]:
    return {"": "1"}


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    """Lend threads."""
    with ThreadPoolExecutor(2) as threads:
        yield threads


def test_the_same_rule_of_two_groups_is_kept_apart(workers: ThreadPoolExecutor) -> None:
    source = MemorySource(one_series, SPAN.end)

    parts = Fetcher(source, Routing(), workers, max_rows=61).fetch(TASKS)

    assert [(task.rule.group, part.rows) for task, part in parts] == [
        ("live", 60),
        ("backfill_1y", 1),
    ]


def test_all_groups_together_have_one_limit(workers: ThreadPoolExecutor) -> None:
    source = MemorySource(one_series, SPAN.end)

    with pytest.raises(SourceTooLarge, match="more than 60 rows"):
        Fetcher(source, Routing(), workers, max_rows=60).fetch(TASKS)
