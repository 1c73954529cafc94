"""Rows in memory, in the batches that a backfill of `backfill_1y` writes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from promtsdb_dagster.core.decimals import plain_decimal
from promtsdb_dagster.core.plan import Policy, Task
from promtsdb_dagster.core.planner import units_of
from promtsdb_dagster.core.ports import Batch, Question
from promtsdb_dagster.core.rules import Rule
from promtsdb_dagster.core.samples import Converted, Series, tag_id, tags_of
from promtsdb_dagster.core.windows import EPOCH, Window, split

_START = datetime(2025, 1, 1, tzinfo=timezone.utc)
_HOUR, _WEEK = timedelta(hours=1), timedelta(weeks=1)
_GROUP = "backfill_1y"


def hourly_batches(metrics: int, weeks: int, seed: int) -> list[Batch]:
    """Return one series a metric, by the hour, in units of the size that the policy sets.

    A third of the series are whole numbers, the others have all digits that a float can have.
    """
    chance = random.Random(seed)
    partitions = split(Window(_START, _START + weeks * _WEEK), _WEEK, _START)
    policy = Policy(history_start=_START)
    units = units_of(partitions, _HOUR, policy.instants_per_unit)
    return [_batch(unit, metrics, chance) for unit in units]


def series_of(batches: Sequence[Batch]) -> list[Series]:
    """Return the series of all batches."""
    return [one for batch in batches for _, part in batch.parts for one in part.series]


def count(batches: Sequence[Batch]) -> int:
    """Return how many rows the batches have."""
    return sum(part.rows for batch in batches for _, part in batch.parts)


def thinned(batch: Batch, seed: int) -> Batch:
    """Return a batch with a half of its rows, each chosen by chance."""
    chance = random.Random(seed)
    return replace(
        batch,
        parts=tuple(
            (task, Converted([_half(series, chance.random) for series in part.series]))
            for task, part in batch.parts
        ),
    )


def _half(series: Series, chance: Callable[[], float]) -> Series:
    kept = [n for n in range(len(series.times)) if chance() < 0.5]
    return replace(
        series,
        times=[series.times[n] for n in kept],
        values=[series.values[n] for n in kept],
    )


def _batch(partitions: Sequence[Window], metrics: int, chance: random.Random) -> Batch:
    span = Window(partitions[0].start, partitions[-1].end)
    first, last = (int((moment - EPOCH).total_seconds()) for moment in (span.start, span.end))
    times = list(range(first, last, 3600))
    parts = []
    for number in range(metrics):
        name = f"manifest_metric_number_{number:02d}"
        rule = Rule(_GROUP, name, name, {}, "rules.yaml", number + 1)
        tags = tags_of(name, {"instance": f"node-{number}:443", "manifest_tier": "mainnet"})
        values = [_value(number, chance) for _ in times]
        one = Series(name, "mainnet", tag_id(tags), tags, times, values)
        parts.append((Task(span, rule, _HOUR, name), Converted([one])))
    question = Question(_GROUP, _HOUR, span, (), timedelta(minutes=1))
    return Batch(question, tuple(partitions), tuple(parts), "bench")


def _value(number: int, chance: random.Random) -> str:
    if number % 3 == 0:
        return str(chance.randrange(10**6))
    return plain_decimal(repr(chance.random() * 1000)) or "0"
