"""Bytes for each raw row, indexes included: ours, the predecessor's, and ours compressed.

Each is written as it is in use: ours by the backfill's writer, or as live batches; the
predecessor's through its staging.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import psycopg

from bench.batches import Shape, make, stage, stage_text
from bench.predecessor import install
from bench.results import Result, at_most
from bench.rows import count, hourly_batches
from bench.statements import statement
from bench.world import Bench
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.writer import Writer

_PLAIN, _COMPRESSED = 1 / 2, 1 / 15
_START = datetime(2025, 1, 1, tzinfo=timezone.utc)
_MINUTE = timedelta(minutes=1)
_SERIES = 60


def run(bench: Bench) -> Iterator[Result]:
    """Yield both kinds of rows as shares of what the predecessor needs for the same rows."""
    yield from _hourly(bench)
    yield from _live(bench)


def _hourly(bench: Bench) -> Iterator[Result]:
    metrics, weeks = bench.size.pick(quick=(57, 4), full=(bench.size.metrics, bench.size.weeks))
    batches = hourly_batches(metrics, weeks, bench.seed)
    ours, old = bench.new_database(), _old(bench)
    writer = Writer(Database(ours))
    with writer.session():
        for batch in batches:
            writer.write(batch, lambda known: True)
    with (
        psycopg.connect(ours) as source,
        source.cursor().copy(statement("read_by_series")) as read,
    ):
        stage_text(old, [bytes(line).decode() for line in read])
    yield from _compared(bench, "hourly", count(batches), ours, old)


def _live(bench: Bench) -> Iterator[Result]:
    instants = bench.size.pick(quick=500, full=5_000)
    shape = Shape(_START, _MINUTE, instants, _SERIES)
    batches = make(bench.empty_database(), shape, bench.seed)
    ours, old = bench.new_database(), _old(bench)
    for url in (ours, old):
        stage(url, batches, shape.series)
    yield from _compared(bench, "minutes", shape.rows, ours, old)


def _compared(bench: Bench, kind: str, rows: int, ours: str, old: str) -> Iterator[Result]:
    new, before = _bytes(bench, ours, rows), _bytes(bench, old, rows)
    share = sum(new) / sum(before)
    detail = {"rows": rows, "bytes_a_row": new, "bytes_a_row_predecessor": before}
    yield at_most(f"storage.{kind}", bench.engine, share, _PLAIN, unit="of predecessor", **detail)
    if bench.engine != "timescaledb":
        return
    with psycopg.connect(ours, autocommit=True) as connection:
        connection.execute(statement("compress_raw_rows"))
    packed = _bytes(bench, ours, rows)
    yield at_most(
        f"storage.{kind}_compressed",
        bench.engine,
        sum(packed) / sum(before),
        _COMPRESSED,
        unit="of predecessor",
        bytes_a_row=packed,
    )


def _bytes(bench: Bench, url: str, rows: int) -> list[float]:
    """Return the bytes a row of the table and of its indexes."""
    with psycopg.connect(url) as connection:
        found = connection.execute(statement(f"size_{bench.engine}")).fetchone() or ()
    return [round(size / rows, 1) for size in found]


def _old(bench: Bench) -> str:
    url = bench.empty_database()
    install(url, bench.engine)
    return url
