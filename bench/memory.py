"""The most memory that a backfill run takes: a week, and all of history."""

from __future__ import annotations

from collections.abc import Iterator

from bench.child import one_run, start_of
from bench.results import Result, at_most
from bench.source import past
from bench.world import Bench

_WANTED_MB = 400


def run(bench: Bench) -> Iterator[Result]:
    """Yield the peak of one process for each range, Dagster and everything included."""
    weeks = bench.size.pick(quick=4, full=10_000)
    first = start_of(weeks)
    source = past(bench)
    # The running totals reach back without end; the gauges have the most rows.
    for name, asset, since in (
        ("one_week", "backfill_forever", start_of(1)),
        ("whole_history", "backfill_forever", first),
        ("all_gauges_of_a_year", "backfill_1y", first),
    ):
        url = bench.new_database()
        ran = one_run(url, source, asset, since, first)
        bench.drop(url)
        yield at_most(
            f"memory.{name}", bench.engine, ran.most_mb, _WANTED_MB, unit="MB",
            rows=ran.rows, partitions=ran.partitions, since=f"{since}", **source.detail,
        )  # fmt: skip
