"""Whatever is stored before, a batch adds exactly what is missing, and proves every row."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from typing import Any

import psycopg
import pytest
import stamina

from promtsdb_dagster.adapters import stored
from promtsdb_dagster.adapters import writer as writer_module
from promtsdb_dagster.adapters.chunks import open_chunks
from promtsdb_dagster.adapters.copying import copy_rows
from promtsdb_dagster.adapters.sql import query_in
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core.plan import Task
from promtsdb_dagster.core.ports import Batch, Question
from promtsdb_dagster.core.rules import Rule
from promtsdb_dagster.core.samples import Converted, Series, tag_id, tags_of
from promtsdb_dagster.core.windows import EPOCH, Window
from promtsdb_dagster.errors import VerificationFailed
from tests.fix_postgres import ScratchDatabase

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = EPOCH + 20_601 * DAY
DAYS = tuple(Window(START + n * DAY, START + (n + 1) * DAY) for n in range(9))
TABLE = "internal.prometheus_remote_write"
Row = tuple[int, int, str]


def batch(days: Sequence[Window] = DAYS, *, gaps: float = 0.0, seed: int = 1) -> Batch:
    """Return five rules with two series each, by the hour; rows are left out by chance."""
    chance = random.Random(seed)
    span = Window(days[0].start, days[-1].end)
    first, last = (int((moment - EPOCH).total_seconds()) for moment in (span.start, span.end))
    parts = []
    for number in range(5):
        name = f"metric_{number}"
        series = []
        for position, label in enumerate(("a%", "b\\")):
            tags = tags_of(name, {"which": label})
            times = [second for second in range(first, last, 3600) if chance.random() >= gaps]
            values = [str(second // 3600 % 1000 + number / 8 + position / 3) for second in times]
            series.append(Series(name, "common", tag_id(tags), tags, times, values))
        rule = Rule("gauges", name, name, {}, "f", number)
        parts.append((Task(span, rule, HOUR, name), Converted(series)))
    question = Question("gauges", HOUR, span, (), timedelta(minutes=1))
    return Batch(question, tuple(days), tuple(parts), "run")


def all_rows(of: Batch) -> dict[tuple[int, int], str]:
    return {
        (second, series.tag_id): value
        for _, part in of.parts
        for series in part.series
        for second, value in zip(series.times, series.values, strict=True)
    }


def insert(database: ScratchDatabase, rows: Sequence[Row]) -> None:
    names = {s.tag_id: s.name for _, part in batch().parts for s in part.series}
    with database.connection() as connection:
        connection.cursor().executemany(
            f"INSERT INTO {TABLE} VALUES (to_timestamp(%s), %s, %s, 'common', %s)",  # noqa: S608
            [(second, tag, names.get(tag, "other"), value) for second, tag, value in rows],
        )


def read(database: ScratchDatabase) -> dict[tuple[int, int], str]:
    with database.connection() as connection:
        rows = connection.execute(
            "SELECT extract(epoch FROM time)::bigint, tag_id, value::text "  # noqa: S608
            f"FROM {TABLE} WHERE name <> 'other'"
        ).fetchall()
    return {(second, tag): value for second, tag, value in rows}


def day_of(second: int) -> int:
    return (second - int((START - EPOCH).total_seconds())) // 86400


@pytest.mark.parametrize("among_others", [False, True])
@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_only_what_is_missing_is_written(
    database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch, gaps: float, among_others: bool
) -> None:
    """
    1. A half of the rows is stored, some with another value, some with more zeros behind it.
    2. The batch counts, day by day, what it found and what it wrote; nothing stored is replaced.
    3. The same batch again finds everything, and touches no row.
    """
    mine = batch(gaps=gaps)
    wanted = all_rows(mine)
    if among_others:
        # Then any row in the window is taken for too many to be read with the batch's own.
        monkeypatch.setattr(stored, "_FEW", 1 - 2 * len(wanted))
        first = int((START - EPOCH).total_seconds())
        insert(database, [(first + 60 * n, 7, "1") for n in range(1, 2_000)])
    chance = random.Random(2)
    before = {key: value for key, value in wanted.items() if chance.random() < 0.5}
    others = dict.fromkeys(list(before)[::7], "5000")
    zeros = {key: f"{before[key]}00" for key in list(before)[3::7]}
    before |= others | zeros
    insert(database, [(second, tag, value) for (second, tag), value in before.items()])
    writer = Writer(database)

    tally = writer.write(mine, lambda known: True)
    assert tally is not None
    writer.verify(mine, tally)

    by_day = {
        name: Counter({DAYS[day].start: n for day, n in Counter(map(day_of, seconds)).items()})
        for name, seconds in {
            "written": [second for second, tag in wanted if (second, tag) not in before],
            "present": [second for second, _ in before],
            "differing": [second for second, _ in others],
        }.items()
    }
    assert (tally.written, tally.present, tally.differing) == tuple(by_day.values())
    assert read(database) == wanted | before
    with database.connection() as connection:
        entries = connection.execute(
            "SELECT sum(rows_written), sum(rows_present), bool_and(verified_at IS NOT NULL) "
            "FROM internal.backfill_ledger"
        ).fetchone()
    assert entries == (len(wanted) - len(before), len(before), True)

    versions = f"SELECT array_agg((tableoid, ctid, xmin)::text ORDER BY 1) FROM {TABLE}"  # noqa: S608
    with database.connection() as connection:
        kept = connection.execute(versions).fetchone()
    again = writer.write(mine, lambda known: True)
    assert again is not None
    writer.verify(mine, again)
    with database.connection() as connection:
        assert connection.execute(versions).fetchone() == kept
    assert (again.written.total(), again.present.total()) == (0, len(wanted))


def overtake(monkeypatch: pytest.MonkeyPatch, before_copy: Callable[[], None]) -> None:
    """Have something happen after the rows were compared, each time before they are copied."""

    def copy_late(*args: Any, **kwargs: Any) -> int:
        before_copy()
        return copy_rows(*args, **kwargs)

    monkeypatch.setattr(writer_module, "copy_rows", copy_late)


def test_live_rows_that_come_again_and_again_end_no_write(
    database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = batch()
    wanted = all_rows(mine)
    arriving = [(second, tag, "5000") for second, tag in list(wanted)[:8]]
    arrived = iter(arriving)
    overtake(monkeypatch, lambda: insert(database, list(islice(arrived, 1))))
    writer = Writer(database)

    with stamina.set_testing(True, attempts=100, cap=True):
        tally = writer.write(mine, lambda known: True)
    assert tally is not None
    writer.verify(mine, tally)

    assert read(database) == wanted | {(second, tag): value for second, tag, value in arriving}
    assert (tally.written.total(), tally.differing.total()) == (len(wanted) - 8, 8)


def test_a_write_of_minutes_is_begun_again_when_live_rows_came(
    database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = batch(DAYS[:1])
    second, tag = next(iter(all_rows(mine)))
    late = iter([(second, tag, "5000")])
    clock, passed = time.monotonic, [0]

    def arrive() -> None:
        passed[0] += 600
        insert(database, list(islice(late, 1)))

    overtake(monkeypatch, arrive)
    monkeypatch.setattr(time, "monotonic", lambda: clock() + passed[0])
    tally = Writer(database).write(mine, lambda known: True)

    assert tally is not None
    assert (tally.present.total(), read(database)[second, tag]) == (1, "5000")


@pytest.mark.parametrize("cluster", ["timescaledb"], indirect=True)
def test_rows_come_between_compressed_ones(database: ScratchDatabase) -> None:
    mine = batch()
    wanted = all_rows(mine)
    half = dict(list(wanted.items())[::2])
    insert(database, [(second, tag, value) for (second, tag), value in half.items()])
    with database.connection(autocommit=True) as connection:
        connection.execute(f"SELECT compress_chunk(c) FROM show_chunks('{TABLE}') c")  # noqa: S608
    writer = Writer(database)

    tally = writer.write(mine, lambda known: True)
    assert tally is not None
    writer.verify(mine, tally)

    assert read(database) == wanted
    assert (tally.written.total(), tally.present.total()) == (len(wanted) - len(half), len(half))


HARM = {
    "a row is gone": """
        DELETE FROM {0} WHERE (time, tag_id) IN (SELECT time, tag_id FROM {0} LIMIT 1)
    """,
    "two values changed places": """
        WITH two AS (SELECT time, tag_id, value FROM {0} WHERE name = 'metric_1' LIMIT 2)
        UPDATE {0} r SET value = (SELECT sum(value) FROM two) - r.value
        FROM two WHERE r.time = two.time AND r.tag_id = two.tag_id
    """,
    "a row moved to another instant": """
        UPDATE {0} SET time = time + INTERVAL '1 second'
        WHERE (time, tag_id) IN (SELECT time, tag_id FROM {0} LIMIT 1)
    """,
}


@pytest.mark.parametrize("harm", HARM)
def test_what_happens_to_rows_before_they_are_proven_is_found(
    database: ScratchDatabase, harm: str
) -> None:
    mine = batch(DAYS[:2])
    writer = Writer(database)
    tally = writer.write(mine, lambda known: True)
    assert tally is not None
    with database.connection() as connection:
        connection.execute(HARM[harm].format(TABLE))

    with pytest.raises(VerificationFailed, match="rows that the source returned for internal"):
        writer.verify(mine, tally)


@pytest.mark.parametrize("cluster", ["timescaledb"], indirect=True)
def test_writers_of_new_chunks_do_not_wait_for_each_other(database: ScratchDatabase) -> None:
    """
    1. A writer has copied its rows into a chunk that was new, and not committed.
    2. Another loads a window of another chunk meanwhile.
    """
    weeks = [batch(DAYS[:1]), batch([Window(START + 70 * DAY, START + 71 * DAY)])]
    with psycopg.connect(database.url) as one, ThreadPoolExecutor(1) as other:
        open_chunks(one, weeks[0])
        one.commit()
        copy_rows(one, query_in("internal", "copy_metrics"), weeks[0].parts, with_task=False)
        writing = other.submit(Writer(database).write, weeks[1], lambda known: True)
        tally = writing.result(timeout=30)
        one.rollback()

    assert tally is not None
    assert read(database) == all_rows(weeks[1])


@pytest.mark.parametrize("cluster", ["timescaledb"], indirect=True)
def test_opened_chunks_are_empty(database: ScratchDatabase) -> None:
    assert Writer(database).write(batch(), lambda known: False) is None

    with database.connection() as connection:
        found = connection.execute(
            f"SELECT count(*), (SELECT count(*) FROM show_chunks('{TABLE}')) FROM {TABLE}"  # noqa: S608
        ).fetchone()
    assert found == (0, 2)


def test_connections_are_kept_within_a_session_and_replaced_when_they_end(
    database: ScratchDatabase,
) -> None:
    def backend() -> int:
        with database.connection() as connection:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        return int(row[0])

    with database.keeping():
        first = backend()
        assert backend() == first
        with pytest.raises(ZeroDivisionError), database.connection():
            _ = 1 // 0
        second = backend()
        assert second != first
        with psycopg.connect(database.url) as other:
            # Returns when it is gone.
            other.execute("SELECT pg_terminate_backend(%s, 30000)", [second])
        assert backend() not in (first, second)
    with database.connection() as connection:
        left = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'promtsdb' "
            "AND datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert left == (0,)


def test_a_connection_that_is_kept_says_that_it_is_alive(database: ScratchDatabase) -> None:
    with database.connection() as connection:
        assert connection.info.get_parameters()["keepalives_idle"] == "60"
