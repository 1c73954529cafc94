"""Windows written, from rows in memory to committed and verified rows: empty, partly filled,
complete; the limit and the old way beside them.

Ours is the writer as a backfill uses it: as many units side by side as the policy says.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

from bench.batches import stage_text
from bench.limit import copy_binary, encode
from bench.measuring import Timings, alternate, ratio, timed
from bench.predecessor import install
from bench.results import Result, at_least, told
from bench.rows import count, hourly_batches, series_of, thinned
from bench.world import Bench
from promtsdb_dagster.adapters.copying import copy_rows
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.sql import query_in
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core.layout import by_instants
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.ports import Batch, Tally
from promtsdb_dagster.core.samples import Series
from promtsdb_dagster.core.windows import EPOCH
from promtsdb_dagster.errors import StoreError

_EMPTY, _PARTLY, _COMPLETE = 0.22, 0.10, 2.0


def run(bench: Bench) -> Iterator[Result]:
    """Yield the three loads as shares of the limit, and what tells where the time goes."""
    weeks, metrics = bench.size.pick(quick=(16, 10), full=(bench.size.weeks, bench.size.metrics))
    world = _World(bench, hourly_batches(metrics, weeks, bench.seed))
    bench.say(f"  {world.rows:,} rows, {len(world.batches)} units of {metrics} series")
    ways = {
        "limit": world.limit,
        "packed": world.packed,
        "empty": world.empty,
        "partly": world.partly,
        "complete": world.complete,
        "alone": world.alone,
        "copy": world.copy,
    }
    found = alternate(ways, rounds=bench.rounds)
    # A tenth of the rows suffices: its pace is what counts, and it is slow.
    staged = alternate({"staged": world.staged}, rounds=1, warm_up=0)["staged"]
    rates = {name: round(world.rows / timings.median) for name, timings in found.items()}
    detail = {
        "rows": world.rows,
        "units": len(world.batches),
        "side_by_side": world.writers,
        "rows_a_second": rates,
    }

    def share(way: str) -> float:
        return ratio(found["limit"], found[way])

    cpu = {"client_cpu_us_a_row": round(world.cpu_us, 2)}
    yield at_least(
        "writing.empty", bench.engine, share("empty"), _EMPTY, unit="of limit", **detail, **cpu
    )
    yield at_least("writing.partly", bench.engine, share("partly"), _PARTLY, unit="of limit")
    faster = ratio(found["empty"], found["complete"])
    yield at_least(
        "writing.complete", bench.engine, faster, _COMPLETE, unit="x the first", rows_changed=0
    )
    yield told("writing.limit", bench.engine, rates["limit"], unit="rows/s")
    yield told("writing.limit_packed", bench.engine, rates["packed"], unit="rows/s")
    yield told("writing.empty_alone", bench.engine, share("alone"), unit="of limit")
    # What the table and its index take of one session, without tags, ledger and verification.
    yield told("writing.copy_only", bench.engine, share("copy"), unit="of limit")
    yield told(
        "writing.old_way", bench.engine, _pace(staged, world) / rates["limit"], unit="of limit"
    )


def _pace(staged: Timings, world: _World) -> float:
    return count(world.some) / staged.median


@dataclass
class _World:
    bench: Bench
    batches: Sequence[Batch]
    rows: int = field(init=False)
    writers: int = field(init=False)
    packed_rows: bytes = field(init=False, repr=False)
    halves: list[Batch] = field(init=False, repr=False)
    limit_url: str = field(init=False)
    cpu_us: float = 0.0

    def __post_init__(self) -> None:
        self.rows = count(self.batches)
        self.writers = Policy(self.batches[0].span.start).concurrency
        self.packed_rows = b"".join(encode(series_of(self.batches)))
        self.halves = [thinned(batch, self.bench.seed) for batch in self.batches]
        self.limit_url = self.bench.empty_database()

    @property
    def some(self) -> Sequence[Batch]:
        """Return a tenth of the batches."""
        return self.batches[: max(1, len(self.batches) // 10)]

    def limit(self) -> float:
        """Encode and copy all rows, one while the other."""
        return copy_binary(self.limit_url, encode(series_of(self.batches)))

    def packed(self) -> float:
        """Copy all rows as bytes that are there."""
        size = 1 << 20
        data = self.packed_rows
        return copy_binary(
            self.limit_url, (data[at : at + size] for at in range(0, len(data), size))
        )

    def empty(self) -> float:
        """Load into windows that have nothing."""
        database = Database(self.bench.new_database())
        cpu = time.process_time()
        seconds = self._load(database, self.batches, self.writers, written=self.rows)
        self.cpu_us = (time.process_time() - cpu) / self.rows * 1e6
        return seconds

    def alone(self) -> float:
        """Load the same by one writer."""
        return self._load(self._new(), self.batches, 1, written=self.rows)

    def partly(self) -> float:
        """Load where a half of the rows is stored."""
        database = self._new()
        there = count(self.halves)
        self._load(database, self.halves, self.writers, written=there)
        return self._load(database, self.batches, self.writers, written=self.rows - there)

    def complete(self) -> float:
        """Load where all rows are stored."""
        database = self._new()
        self._load(database, self.batches, self.writers, written=self.rows)
        return self._load(database, self.batches, self.writers, written=0)

    def copy(self) -> float:
        """Copy into the table as the writer does, and do nothing else."""
        with self._new().connection() as connection:

            def load() -> None:
                for batch in self.batches:
                    to = query_in("internal", "copy_metrics")
                    copy_rows(connection, to, batch.parts, with_task=False)
                    connection.commit()

            return timed(load)

    def staged(self) -> float:
        """Copy some of the rows into the predecessor's staging, a batch a transaction."""
        url = self.bench.empty_database()
        install(url, self.bench.engine)
        return stage_text(url, list(_lines(series_of(self.some))))

    def _new(self) -> Database:
        return Database(self.bench.new_database())

    def _load(
        self, database: Database, batches: Sequence[Batch], writers: int, *, written: int
    ) -> float:
        writer = Writer(database)
        tallies: list[Tally] = []

        def write(batch: Batch) -> None:
            tally = writer.write(batch, lambda known: True)
            if tally is None:
                raise StoreError(f"{batch.span} was not written, wanted all units; run it again")
            writer.verify(batch, tally)
            tallies.append(tally)

        def load() -> None:
            with writer.session(), ThreadPoolExecutor(writers) as workers:
                list(workers.map(write, batches))

        seconds = timed(load)
        found = sum(tally.written.total() for tally in tallies)
        if found != written:
            raise StoreError(f"{found} rows were written, wanted {written}; look at the writer")
        return seconds


def _lines(series: Sequence[Series]) -> Iterator[str]:
    """Yield rows as text, one instant after another, as they come when they are live."""
    for segment in by_instants(series):
        members = [series[member] for member in segment.members]
        for second, values in zip(segment.times, zip(*segment.columns, strict=True), strict=True):
            stamp = (EPOCH + timedelta(seconds=second)).isoformat(" ")
            for one, value in zip(members, values, strict=True):
                yield f"{stamp}\t{one.tag_id}\t{one.name}\t{one.schema}\t{value}\n"
