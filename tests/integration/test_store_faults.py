"""When the database fails nothing is half stored, the error helps, and a re-run heals."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
import stamina

from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.report import Progress, Report
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.samples import Routing, tag_id, tags_of
from promtsdb_dagster.core.windows import EPOCH, Window
from promtsdb_dagster.errors import StoreError, StoreUnavailable, VerificationFailed
from tests.doubles.memory import MemorySource
from tests.fix_postgres import ScratchDatabase, running_cluster

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = EPOCH + 20_600 * DAY
NOW = START + 3 * DAY
GROUP = RuleGroup("gauges", HOUR, (Rule("gauges", "height", "height", {}, "f", 1),), "f")
DAYS = [Window(START + n * DAY, START + (n + 1) * DAY) for n in range(3)]
SERIES = 5
ROWS = SERIES * 24 * len(DAYS)


def values(expr: str, instant: datetime, step: timedelta) -> Mapping[str, str]:
    return {f"s{n}": str((instant - START) / HOUR + n / 7) for n in range(SERIES)}


def backfill(database: Database, source: MemorySource | None = None) -> Backfill:
    return Backfill(
        source or MemorySource(values, NOW),
        Writer(database),
        {GROUP.name: GROUP},
        Routing(),
        Policy(history_start=START, concurrency=1, instants_per_unit=24),
    )


def run(database: Database, **options: Any) -> Report:
    return backfill(database).run(GROUP.name, DAYS, now=NOW, **options)


def count(database: Database, table: str = "internal.prometheus_remote_write") -> int:
    with database.connection() as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    assert row is not None
    return int(row[0])


def execute(database: Database, statement: str) -> None:
    with database.connection() as connection:
        connection.execute(statement)


def test_a_database_that_is_not_there_is_named() -> None:
    report = backfill(Database("postgresql://me:secret@127.0.0.1:1/metrics")).run(
        GROUP.name, DAYS, now=NOW
    )

    assert isinstance(report.error, StoreUnavailable)
    assert "127.0.0.1:1/metrics cannot be used" in str(report.error)
    assert "start it, or correct host and port in DATABASE_URL" in str(report.error)
    assert "secret" not in str(report.error)


def test_a_server_that_lets_nobody_in_is_answered_with_what_to_do(
    empty_database: ScratchDatabase,
) -> None:
    server = empty_database.url.rpartition("/")[0]
    for url, words in (
        (f"{server}/metricz/", "CREATE DATABASE metricz OWNER postgres"),
        (f"{server.replace('postgres@', 'nobody_here@')}/metrics", "CREATE ROLE nobody_here"),
        (f"{server}/postgres?sslmode=require", "leave sslmode out"),
    ):
        with pytest.raises(StoreUnavailable, match=words), Database(url).connection():
            pytest.fail("let in")


def test_a_database_without_the_schema_says_how_to_get_it(
    empty_database: ScratchDatabase,
) -> None:
    report = run(empty_database)

    assert isinstance(report.error, StoreError)
    assert "bring it up to date with `make migrate`" in str(report.error)


FULL_DISK = """
    CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.time >= '{since}' THEN
            RAISE EXCEPTION 'could not extend file "base/1/2": No space left on device'
                USING ERRCODE = 'disk_full';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER fail BEFORE INSERT ON internal.prometheus_remote_write
        FOR EACH ROW EXECUTE FUNCTION public.fail()
"""


def test_a_full_disk_fails_the_window_and_keeps_what_was_committed(
    database: ScratchDatabase,
) -> None:
    execute(database, FULL_DISK.format(since=DAYS[1].start + 5 * HOUR))

    report = run(database)

    assert isinstance(report.error, StoreError)
    assert "has no room left" in str(report.error)
    assert "free space and run the same partitions again" in str(report.error)
    assert [part.complete for part in report.partitions] == [True, False, False]
    assert count(database) == SERIES * 24
    assert count(database, "internal.backfill_ledger") == 1

    execute(database, "DROP TRIGGER fail ON internal.prometheus_remote_write")
    again = run(database)
    assert again.error is None
    assert [part.found_done for part in again.partitions] == [True, False, False]
    assert count(database) == ROWS


def test_a_database_that_takes_no_writes_says_so_and_a_new_one_is_waited_for(
    database: ScratchDatabase,
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database.url)["dbname"]
    execute(database, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with stamina.set_testing(True, attempts=2):
        report = run(database)
    assert isinstance(report.error, StoreUnavailable)
    assert "is read-only" in str(report.error)
    assert "after a failover point DATABASE_URL to the new one" in str(report.error)

    with psycopg.connect(database.url, options="-c default_transaction_read_only=off") as admin:
        admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    assert run(database).error is None
    assert count(database) == ROWS


def test_a_session_that_the_server_ends_for_idling_is_a_lost_one(
    plain_database: ScratchDatabase,
) -> None:
    def idle() -> None:
        with plain_database.connection() as connection:
            connection.execute("SET idle_in_transaction_session_timeout = 1")
            for _ in range(1000):
                # Until the server has ended it: each asks later than 1 ms after the one before.
                time.sleep(0.005)
                connection.execute("SELECT 1")

    with pytest.raises(StoreUnavailable, match="idle-in-transaction"):
        idle()


@pytest.fixture
def crashing_database() -> Iterator[ScratchDatabase]:
    """Lend a database on a server of its own, which may be crashed."""
    # Without it a crash takes back what was committed, as the other tests' servers may.
    durable = {"synchronous_commit": "on"}
    with running_cluster("postgresql", durable) as cluster:
        yield ScratchDatabase(cluster.migrated_url())


def crash(database: Database) -> None:
    """Kill a server process: PostgreSQL then ends all others, recovers and starts anew."""
    with database.connection() as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        # The death of this process is what PostgreSQL takes for a crash.
        os.kill(row[0], signal.SIGKILL)


def test_a_database_that_restarts_in_the_middle_is_waited_for(
    crashing_database: ScratchDatabase,
) -> None:
    crashes = []

    def on_progress(progress: Progress) -> None:
        if progress.done == 1:
            with suppress(StoreUnavailable):
                crash(crashing_database)
            crashes.append(progress)

    report = run(crashing_database, on_progress=on_progress)

    assert crashes
    assert report.error is None
    assert count(crashing_database) == ROWS


def test_two_backfills_of_the_same_range_at_once_store_it_once(
    database: ScratchDatabase,
) -> None:
    with ThreadPoolExecutor(2) as both:
        reports = list(both.map(lambda _: run(database), range(2)))

    assert [report.error for report in reports] == [None, None]
    assert sum(report.rows_written for report in reports) == ROWS == count(database)
    assert count(database, "internal.backfill_ledger") == len(DAYS)


def test_live_rows_of_the_same_window_never_meet_in_a_deadlock(database: ScratchDatabase) -> None:
    """
    1. A live writer has stored one row of a window, and is about to store a later one.
    2. The backfill begins to copy the whole window, which looks empty, and waits for the first.
    3. If it holds the later one already, the database has to end one of them.
    """
    tags = [tag_id(tags_of("height", {"series": label})) for label in values("", START, HOUR)]
    later, earlier = next(pair for pair in pairwise(tags) if pair[0] > pair[1])
    insert = """
        INSERT INTO internal.prometheus_remote_write VALUES (%s, %s, 'height', 'common', 1)
        ON CONFLICT DO NOTHING
    """
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database.url) as live:
        live.execute(insert, [START, earlier])
        backfilled = pool.submit(run, database)
        await_blocked(database)
        live.execute(insert, [START, later])
        live.commit()
        report = backfilled.result()

    assert report.error is None
    assert (report.rows_written, count(database)) == (ROWS - 2, ROWS)
    with database.connection() as connection:
        deadlocks = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert deadlocks == (0,)


def await_blocked(database: Database) -> None:
    """Return when a session of this database waits for a lock."""
    deadline = time.monotonic() + 30
    waiting = """
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    with database.connection(autocommit=True) as connection:
        while not connection.execute(waiting).fetchone():
            assert time.monotonic() < deadline


def test_what_is_stored_wrongly_fails_the_window_and_is_done_again(
    database: ScratchDatabase,
) -> None:
    execute(
        database,
        """
        CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.value := NEW.value + 1; RETURN NEW; END $$;
        CREATE TRIGGER spoil BEFORE INSERT ON internal.prometheus_remote_write
            FOR EACH ROW EXECUTE FUNCTION public.spoil()
        """,
    )

    report = run(database)

    assert isinstance(report.error, VerificationFailed)
    assert f"{SERIES * 24} have another value" in str(report.error)
    assert not any(part.complete for part in report.partitions)

    execute(database, "DROP TRIGGER spoil ON internal.prometheus_remote_write")
    execute(database, "TRUNCATE internal.prometheus_remote_write")
    assert run(database).error is None
    with database.connection() as connection:
        unverified = connection.execute(
            "SELECT count(*) FROM internal.backfill_ledger WHERE verified_at IS NULL"
        ).fetchone()
    assert unverified == (0,)
    assert count(database) == ROWS


ODD = {
    "poison": {"supply": "not a number"},
    "empty": {"supply": ""},
    "long": {"supply": "9" * 10_000},
    "word": {"city": "Zürich 🏔"},
    "null": {"city": "a\0b"},
}
ODD_VALUES = {"NaN": None, "+Inf": None, "1e308": "1" + "0" * 308, "5e-324": None, "-0": "0"}


class OddSource(MemorySource):
    """Answer with odd labels and odd values."""

    def query_range(self, expr: str, window: Window, step: timedelta) -> list[Mapping[str, Any]]:
        second = int(window.start.timestamp())
        labels = [
            {"metric": {"which": key, **odd}, "values": [[second, "1"]]} for key, odd in ODD.items()
        ]
        return labels + [
            {"metric": {"which": value}, "values": [[second, value]]} for value in ODD_VALUES
        ]


def test_odd_labels_and_values_are_kept_or_counted(database: ScratchDatabase) -> None:
    source = OddSource(values, NOW)

    report = backfill(database, source).run(GROUP.name, DAYS[:1], now=NOW)

    assert report.error is None
    [part] = report.partitions
    assert part.dropped == Counter({"NaN": 1, "infinite": 1})
    assert part.repaired_labels == 1
    with database.connection() as connection:
        rows = connection.execute(
            """
            SELECT t.labels ->> 'which', t.labels, r.value::text
            FROM internal.prometheus_remote_write r
            JOIN internal.prometheus_remote_write_tag t USING (tag_id)
            """
        ).fetchall()
    stored = {which: (labels, value) for which, labels, value in rows}
    assert stored.keys() == ODD.keys() | {"1e308", "5e-324", "-0"}
    assert stored["long"][0]["supply"] == "9" * 10_000
    assert stored["word"][0]["city"] == "Zürich 🏔"
    assert stored["null"][0]["city"] == "a\N{REPLACEMENT CHARACTER}b"
    assert "supply" not in stored["empty"][0]
    assert stored["1e308"][1] == ODD_VALUES["1e308"]
    assert stored["-0"][1] == "0"
    assert float(stored["5e-324"][1]) == 5e-324
