"""How much of a whole-history backfill is Dagster's own work.

Each run is a process of its own that does what `promtsdb backfill` does. Its wall time, from the
creation of the run to its end, less the time in which an asset works without Dagster, is Dagster's.
The start of the process is told beside it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import date

from bench.child import Ran, one_run, start_of
from bench.results import Result, at_most, told
from bench.source import Source, past
from bench.world import Bench

_WANTED = 0.20
_ASSETS = ("backfill_forever", "backfill_1y")


def run(bench: Bench) -> Iterator[Result]:
    """Yield the share of both hourly backfills together."""
    weeks = bench.size.pick(quick=4, full=10_000)
    start = start_of(weeks)
    source = past(bench)
    # The quick size has too few rows for the target: its runs are over before they have begun.
    rounds = bench.size.pick(quick=1, full=3)
    found = [_round(bench, source, start) for _ in range(rounds)]
    share = statistics.median(
        1 - _sum(each, "engine_seconds") / _sum(each, "run_seconds") for each in found
    )
    with_start = statistics.median(
        1 - _sum(each, "engine_seconds") / _sum(each, "seconds") for each in found
    )
    detail = {
        "rows": sum(ran.rows for ran in found[0]),
        "partitions": sum(ran.partitions for ran in found[0]),
        "run_seconds": [round(_sum(each, "run_seconds"), 2) for each in found],
        "engine_seconds": [round(_sum(each, "engine_seconds"), 2) for each in found],
        **source.detail,
    }
    name = "dagster_share.whole_history"
    if bench.size.pick(quick=True, full=False):
        yield told(name, bench.engine, share, unit="of the runs' time", **detail)
    else:
        yield at_most(name, bench.engine, share, _WANTED, unit="of the runs' time", **detail)
    yield told(
        "dagster_share.with_process_start", bench.engine, with_start, unit="of all time",
        load_seconds=statistics.median(ran.load_seconds for each in found for ran in each),
    )  # fmt: skip


def _round(bench: Bench, source: Source, start: date) -> list[Ran]:
    url = bench.new_database()
    try:
        return [one_run(url, source, asset, start, start) for asset in _ASSETS]
    finally:
        bench.drop(url)


def _sum(found: list[Ran], what: str) -> float:
    return float(sum(getattr(ran, what) for ran in found))
