"""A minute of a running total has one owner: the entry that covers it, or the live row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from promtsdb_dagster.adapters.inventory import Inventory
from tests.fix_postgres import ScratchDatabase
from tests.rows import stored, tag

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TOTALS = "cumsum.prometheus_remote_write"
TODAY = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
OLD = TODAY - timedelta(days=3)


def enter(
    database: ScratchDatabase,
    start: datetime,
    end: datetime,
    step: timedelta = HOUR,
    *,
    record: str = "web_requests",
    verified: bool = True,
) -> None:
    """Write a line of the ledger, as a backfill does."""
    with database.connection() as connection:
        connection.execute(
            "INSERT INTO internal.backfill_ledger (rule_group, rule, record, step, window_start,"
            " window_end, series, rows_source, rows_written, rows_present, samples_dropped,"
            " verified_at) VALUES ('g', %s, %s, %s, %s, %s, 1, 1, 1, 0, 0, %s)",
            (record, record, step, start, end, TODAY if verified else None),
        )


def send(
    database: ScratchDatabase, times: Sequence[datetime], source: str = "cumsum", tag_id: int = 1
) -> None:
    name, schema = ("web_requests", "cumsum") if source == "cumsum" else ("up", "common")
    with (
        database.connection() as connection,
        connection.cursor().copy(f"COPY staging_{source}.prometheus_remote_write FROM STDIN") as to,
    ):
        for time in times:
            to.write_row((time, tag_id, name, schema, Decimal(1)))


def times(database: ScratchDatabase, table: str = TOTALS) -> list[datetime]:
    return [row[0] for row in stored(database, table)]


def refusals(database: ScratchDatabase) -> list[tuple[Any, ...]]:
    return [(source, reason, rows) for source, reason, _, rows in stored(database, REFUSED)]


REFUSED = "internal.refused_row"


def test_a_minute_of_an_hour_that_is_done_is_refused_and_counted(
    database: ScratchDatabase,
) -> None:
    """The samples at 10:00 and 11:00 stand for 09:01 to 11:00."""
    enter(database, OLD + 10 * HOUR, OLD + 12 * HOUR)
    first, last = OLD + 9 * HOUR + MINUTE, OLD + 11 * HOUR
    outside = [first - MINUTE, last + MINUTE]

    send(database, [first, last - MINUTE, *outside])
    send(database, [first])

    assert times(database) == outside
    assert refusals(database) == [("cumsum", "covered by a backfill", 3)]


@pytest.mark.parametrize("step", [MINUTE, HOUR, 24 * HOUR])
def test_the_edges_of_an_entry_are_exact_for_batches_of_one_row(
    database: ScratchDatabase, step: timedelta
) -> None:
    """The samples from 03:00 on stand for what is later than the step before."""
    start = OLD + (3 * HOUR if step < 24 * HOUR else timedelta())
    end = start + 2 * step
    tag(database, {1: {}})
    enter(database, start, end, step)
    closed = [start - step + MINUTE, end - step]
    assert closed[0] <= closed[1]

    for time in [closed[0] - MINUTE, *closed, closed[1] + MINUTE]:
        send(database, [time])

    assert times(database) == [closed[0] - MINUTE, closed[1] + MINUTE]
    assert refusals(database) == [("cumsum", "covered by a backfill", 2)]


def test_a_row_that_is_stored_is_sent_again_and_not_refused(database: ScratchDatabase) -> None:
    send(database, [OLD + HOUR])
    enter(database, OLD, OLD + 2 * HOUR, MINUTE)

    send(database, [OLD + HOUR])

    assert times(database) == [OLD + HOUR]
    assert refusals(database) == []


def test_another_series_at_a_minute_that_is_done_is_refused(database: ScratchDatabase) -> None:
    """A label that changed makes another series of the same increments."""
    send(database, [OLD + HOUR])
    enter(database, OLD, OLD + 2 * HOUR, MINUTE)

    send(database, [OLD + HOUR], tag_id=2)

    assert times(database) == [OLD + HOUR]
    assert refusals(database) == [("cumsum", "covered by a backfill", 1)]


def test_what_is_replayed_into_an_open_entry_passes_at_its_instants(
    database: ScratchDatabase,
) -> None:
    enter(database, OLD, OLD + 3 * HOUR, verified=False)

    send(database, [OLD, OLD + MINUTE, OLD + HOUR, OLD + 2 * HOUR, OLD + 2 * HOUR + MINUTE])

    assert times(database) == [OLD, OLD + HOUR, OLD + 2 * HOUR, OLD + 2 * HOUR + MINUTE]


@pytest.mark.parametrize("record", ["Web_Requests", "web_requests#2"])
def test_an_entry_is_found_however_its_rule_spells_the_record(
    database: ScratchDatabase, record: str
) -> None:
    enter(database, OLD, OLD + 2 * HOUR, record=record)
    send(database, [OLD + MINUTE])
    assert times(database) == []


def test_entries_of_other_metrics_and_gauges_close_nothing(database: ScratchDatabase) -> None:
    enter(database, OLD, OLD + 2 * HOUR, record="web_request")
    enter(database, OLD, OLD + 2 * HOUR, record="up")
    send(database, [OLD + MINUTE])
    send(database, [OLD + MINUTE], "internal")
    assert times(database) == times(database, "internal.prometheus_remote_write") == [OLD + MINUTE]


def test_live_starts_where_no_backfill_reaches(database: ScratchDatabase) -> None:
    """A backfill went up to three minutes ago; the rows before are its own, or refused."""
    now = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    enter(database, now - HOUR, now - 2 * MINUTE, MINUTE)
    enter(database, now - HOUR, now - 2 * MINUTE, MINUTE, record="up", verified=False)

    for source in ("cumsum", "internal"):
        send(database, [now - 4 * MINUTE, now - 3 * MINUTE, now - 2 * MINUTE, now - MINUTE], source)

    start = now - 2 * MINUTE
    assert stored(database, "internal.live_start") == [
        ("up", "common", start),
        ("web_requests", "cumsum", start),
    ]


@pytest.mark.parametrize(
    ("time", "value", "reason"),
    [
        (None, "1", "incomplete"),
        (TODAY, "Infinity", "not finite"),
        (TODAY + timedelta(days=3), "1", "in the future"),
        (TODAY - timedelta(days=8), "1", "too old"),
        (TODAY, "1e309", "value too long"),
        (TODAY, "0." + "3" * 401, "value too long"),
    ],
)
def test_every_refusal_is_counted(
    database: ScratchDatabase, time: datetime | None, value: str, reason: str
) -> None:
    for _ in range(2):
        with database.connection() as connection:
            connection.execute(
                "INSERT INTO staging_internal.prometheus_remote_write"
                " SELECT %s, n, 'up', 'common', %s FROM generate_series(1, 2) AS n",
                (time, value),
            )
    assert refusals(database) == [("internal", reason, 4)]
    inventory = Inventory(database)
    assert inventory.refused("internal") == {reason: 4}
    assert inventory.refused("cumsum") == {}


def test_a_live_row_waits_for_a_backfill_that_is_about_to_commit(
    database: ScratchDatabase,
) -> None:
    """Neither sees the other's rows before its end; only the lock keeps them apart."""
    with database.connection() as backfill:
        backfill.execute(
            "SELECT pg_advisory_xact_lock(hashtext('promtsdb backfill'), hashtext('cumsum'))"
        )
        with database.connection() as live:
            live.execute("SET lock_timeout = '200ms'")
            with pytest.raises(Exception, match="lock timeout"):
                live.execute(
                    "INSERT INTO staging_cumsum.prometheus_remote_write"
                    " VALUES (%s, 1, 'a', 'b', 1)",
                    (OLD,),
                )
