"""Batches through the staging tables, ours and the predecessor's, each row once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import psycopg

from bench.batches import Shape, make, stage
from bench.measuring import alternate, ratio
from bench.predecessor import install
from bench.results import Result, at_least, told
from bench.statements import statement
from bench.world import Bench
from promtsdb_dagster.errors import StoreError

_FASTER = 2.0
_SERIES = 500


def run(bench: Bench) -> Iterator[Result]:
    """Yield how many times as fast as the predecessor: live rows, and rows of the past year."""
    instants = bench.size.pick(quick=40, full=200)
    now = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    shapes = {
        "live": Shape(now - (instants - 1) * minute, minute, instants, _SERIES),
        "old": Shape(now - 300 * 24 * hour, hour, instants, _SERIES),
    }
    for name, shape in shapes.items():
        batches = make(bench.empty_database(), shape, bench.seed)
        bench.say(f"  {shape.rows:,} {name} rows in {len(batches)} batches")
        ways = {
            "ours": _way(bench.new_database(), batches, shape),
            "predecessor": _way(_old(bench), batches, shape),
        }
        found = alternate(ways, rounds=bench.rounds)
        rates = {way: round(shape.rows / timings.median) for way, timings in found.items()}
        yield at_least(
            f"staging.{name}",
            bench.engine,
            ratio(found["predecessor"], found["ours"]),
            _FASTER,
            unit="x predecessor",
            rows=shape.rows,
            rows_a_second=rates,
        )
        yield told(f"staging.{name}_rate", bench.engine, rates["ours"], unit="rows/s")


def _old(bench: Bench) -> str:
    url = bench.empty_database()
    install(url, bench.engine)
    return url


def _way(url: str, batches: list[bytes], shape: Shape) -> Callable[[], float]:
    def work() -> float:
        with psycopg.connect(url) as connection:
            connection.execute(statement("empty_raw_rows"))
        seconds = stage(url, batches, shape.series)
        with psycopg.connect(url) as connection:
            (stored,) = connection.execute(statement("count_raw_rows")).fetchone() or (0,)
        if stored != shape.rows:
            raise StoreError(f"{stored} rows are stored, wanted {shape.rows}; look at staging")
        return seconds

    return work
