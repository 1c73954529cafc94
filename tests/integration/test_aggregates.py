"""Refreshing covers exactly what was asked for, and never costs a bucket."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from psycopg import sql

from promtsdb_dagster.adapters.aggregates import AGGREGATES, BUCKET, Aggregates
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.windows import Window, floor
from promtsdb_dagster.errors import InputError
from tests.fix_postgres import ScratchDatabase
from tests.rows import put, stored, tag

DAY = timedelta(days=1)
TODAY = floor(datetime.now(timezone.utc), DAY)
NAMES = [f"{schema}.{name}" for schema, name, _ in AGGREGATES]
INTERNAL = [f"{schema}.{name}" for schema, name, source in AGGREGATES if source == "internal"]
MAINNET = "internal.prometheus_mainnet_1m"


def ago(days: float) -> datetime:
    return TODAY - days * DAY


def drop_raw_before(database: Database, cutoff: datetime) -> None:
    """Do what retention does: whole chunks on TimescaleDB, rows elsewhere."""
    with database.connection() as connection:
        for table in ("internal.prometheus_remote_write", "cumsum.prometheus_remote_write"):
            if database.engine() == "timescaledb":
                connection.execute(
                    "SELECT public.drop_chunks(%s, older_than => %s)", [table, cutoff]
                )
            else:
                connection.execute(
                    sql.SQL("DELETE FROM {} WHERE time < %s").format(
                        sql.Identifier(*table.split("."))
                    ),
                    [cutoff],
                )


def history(database: Database) -> None:
    """Store a sample of every kind each 6 hours, 100 days long."""
    tag(database, {1: {"instance": "a", "city": "Paris"}, 2: {"supply": "9" * 30}})
    times = [ago(100) + i * DAY / 4 for i in range(400)]
    put(database, [(t, 1, "up", schema, 1) for t in times for schema in ("mainnet", "testnet")])
    put(database, [(t, 1, "up", "common", i) for i, t in enumerate(times)])
    put(database, [(t, 2, "locked_tokens", "mainnet", 1) for t in times])
    put(database, [(t, 1, "manifest_geo_latitude", "geo", i) for i, t in enumerate(times)])
    put(database, [(t, 1, "web_requests", "cumsum", i) for i, t in enumerate(times)], "cumsum")


def test_a_refresh_covers_the_window_and_nothing_else(database: ScratchDatabase) -> None:
    tag(database, {1: {}})
    minutes = [ago(5) + i * BUCKET for i in range(10)]
    put(database, [(minute, 1, "up", "mainnet", i) for i, minute in enumerate(minutes)])

    report = Aggregates(database).refresh(MAINNET, Window(minutes[3], minutes[7]))

    assert [row[0] for row in stored(database, MAINNET)] == minutes[3:7]
    assert report.refreshed == (Window(minutes[3], minutes[7]),)
    assert (report.buckets, report.below_floor, report.engine) == (4, None, database.engine())


@pytest.mark.parametrize("aggregate", NAMES)
def test_refreshing_twice_changes_nothing(database: ScratchDatabase, aggregate: str) -> None:
    history(database)
    window = Window(ago(100), ago(0))
    first = Aggregates(database).refresh(aggregate, window)
    before = stored(database, aggregate)

    again = Aggregates(database).refresh(aggregate, window)

    assert first.buckets == len(before) > 0
    assert again.refreshed == first.refreshed
    # TimescaleDB's log knows that there is nothing to do.
    assert again.buckets == (0 if database.engine() == "timescaledb" else first.buckets)
    assert stored(database, aggregate) == before


def test_removed_and_changed_rows_are_followed(database: ScratchDatabase) -> None:
    tag(database, {1: {}})
    put(database, [(ago(3) + i * BUCKET, 1, "up", "mainnet", i) for i in range(3)])
    window = Window(ago(4), ago(2))
    Aggregates(database).refresh(MAINNET, window)
    with database.connection() as connection:
        connection.execute("DELETE FROM internal.prometheus_remote_write WHERE value = 1")
        connection.execute("UPDATE internal.prometheus_remote_write SET value = 7 WHERE value = 2")

    Aggregates(database).refresh(MAINNET, window)

    assert stored(database, MAINNET) == [
        (ago(3), "up", 0),
        (ago(3) + 2 * BUCKET, "up", 7),
    ]


def test_buckets_outlive_their_raw_rows(database: ScratchDatabase) -> None:
    history(database)
    everything = Window(ago(400), TODAY)
    aggregates = Aggregates(database)
    for name in NAMES:
        aggregates.refresh(name, everything)
    before = {name: stored(database, name) for name in NAMES}
    assert all(before.values())

    drop_raw_before(database, ago(40))
    with database.connection() as connection:
        (left,) = connection.execute(
            "SELECT count(*) FROM internal.prometheus_remote_write"
        ).fetchone() or (0,)
    assert 0 < left < 5 * 400

    for name in NAMES:
        report = aggregates.refresh(name, everything)
        assert report.below_floor is not None
        assert report.below_floor.end == report.refreshed[0].start
    assert {name: stored(database, name) for name in NAMES} == before


def test_buckets_outlive_all_raw_rows(database: ScratchDatabase) -> None:
    history(database)
    everything = Window(ago(400), TODAY)
    aggregates = Aggregates(database)
    for name in NAMES:
        aggregates.refresh(name, everything)
    before = {name: stored(database, name) for name in NAMES}

    # A chunk is dropped when all of it is older.
    drop_raw_before(database, TODAY + 60 * DAY)

    for name in NAMES:
        report = aggregates.refresh(name, everything)
        assert (report.refreshed, report.below_floor) == ((), everything)
    assert {name: stored(database, name) for name in NAMES} == before


def test_raw_rows_about_to_expire_are_left_alone(database: ScratchDatabase) -> None:
    tag(database, {1: {}})
    put(database, [(ago(400), 1, "up", "mainnet", 1)])

    report = Aggregates(database).refresh(MAINNET, Window(ago(401), ago(399)))

    assert report.refreshed == ()
    assert stored(database, MAINNET) == []


def test_a_late_tag_is_healed(database: ScratchDatabase) -> None:
    """The tag table is joined, and TimescaleDB does not notice that it changed.

    1. Two series come through staging, the tags of one stay away.
    2. A refresh finds one series.
    3. The tags come; a refresh of what changed must find both.
    """
    with database.connection() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO staging_internal.prometheus_remote_write_tag VALUES (1, '{}')")
        cursor.executemany(
            "INSERT INTO staging_internal.prometheus_remote_write"
            " VALUES (%s, %s, %s, 'mainnet', 1)",
            [(ago(2), 1, "early"), (ago(2), 2, "late"), (ago(1), 2, "late")],
        )
    aggregates = Aggregates(database)
    aggregates.refresh(MAINNET, Window(ago(3), TODAY), only_changed=True)
    assert [row[1] for row in stored(database, MAINNET)] == ["early"]
    assert [entry for entry in aggregates.pending() if entry[0] == MAINNET] == []

    with database.connection() as connection:
        connection.execute(
            "INSERT INTO staging_internal.prometheus_remote_write_tag"
            """ VALUES (2, '{"supply": "123456789012345678901234567890"}')"""
        )
    pending = [entry for entry in aggregates.pending() if entry[0] == MAINNET]
    assert [entry[1:3] for entry in pending] == [(Window(ago(2), ago(1) + BUCKET), "late tag")]
    report = aggregates.refresh(MAINNET, Window(ago(3), TODAY), only_changed=True)

    assert report.refreshed == (Window(ago(2), ago(1) + BUCKET),)
    assert stored(database, MAINNET) == [
        (ago(2), "early", 1),
        (ago(2), "late", 123456789012345678901234567890),
        (ago(1), "late", 123456789012345678901234567890),
    ]
    assert {entry[0] for entry in aggregates.pending()} == set(INTERNAL) - {MAINNET}


def test_a_tag_that_was_stored_beside_its_rows_is_no_orphan_for_ever(
    database: ScratchDatabase,
) -> None:
    """Two sessions at once cannot see each other's half; the next look must."""
    with database.connection() as rows, database.connection() as tags:
        rows.execute(
            "INSERT INTO staging_internal.prometheus_remote_write"
            " VALUES (%s, 1, 'up', 'mainnet', 1)",
            [ago(2)],
        )
        tags.execute("INSERT INTO staging_internal.prometheus_remote_write_tag VALUES (1, '{}')")

    assert "late tag" in {entry[2] for entry in Aggregates(database).pending()}
    with database.connection() as connection:
        assert connection.execute("SELECT * FROM internal.orphan_tag").fetchall() == []


def test_only_what_changed_is_refreshed(database: ScratchDatabase) -> None:
    tag(database, {1: {}})
    put(database, [(ago(day), 1, "up", "mainnet", day) for day in (1, 2, 3)])
    with database.connection() as connection:
        for day in (1, 3):
            connection.execute(
                "SELECT internal.note_change('internal', %s, %s, 'backfill')",
                [ago(day), ago(day) + timedelta(hours=2)],
            )
    asked = Window(ago(10), ago(0.95))

    report = Aggregates(database).refresh(MAINNET, asked, only_changed=True)

    assert [row[2] for row in stored(database, MAINNET)] == [3, 1]
    assert report.refreshed == (
        Window(ago(3), ago(3) + timedelta(hours=2)),
        Window(ago(1), ago(0.95)),
    )
    left = [entry[1] for entry in Aggregates(database).pending() if entry[0] == MAINNET]
    assert left == [Window(ago(0.95), ago(1) + timedelta(hours=2))]


def test_a_change_noted_during_a_refresh_stays(database: ScratchDatabase) -> None:
    tag(database, {1: {}})
    put(database, [(ago(day), 1, "up", "mainnet", day) for day in range(1, 60)])
    aggregates = Aggregates(database)

    def change(*_: object) -> None:
        with database.connection() as connection:
            connection.execute(
                "SELECT internal.note_change('internal', %s, %s, 'backfill')", [ago(50), ago(49)]
            )

    aggregates.refresh(MAINNET, Window(ago(60), TODAY), on_progress=change)

    assert Window(ago(50), ago(49)) in {entry[1] for entry in aggregates.pending()}


@pytest.mark.parametrize(("given", "kept"), [("4MB", "64MB"), ("1GB", "1GB")])
def test_a_refresh_takes_no_memory_away(
    empty_database: ScratchDatabase, given: str, kept: str
) -> None:
    with empty_database.connection() as connection:
        connection.execute("SELECT set_config('work_mem', %s, true)", [given])
        connection.execute(query("sort_buckets"))
        assert connection.execute("SHOW work_mem").fetchone() == (kept,)


def test_long_windows_go_in_pieces(database: ScratchDatabase) -> None:
    tag(database, {1: {}})
    put(database, [(ago(100), 1, "up", "mainnet", 1)])
    seen: list[tuple[Window, int, int]] = []

    report = Aggregates(database).refresh(
        MAINNET,
        Window(ago(100), ago(0)),
        on_progress=lambda piece, done, total: seen.append((piece, done, total)),
    )

    assert report.refreshed == (Window(ago(100), ago(0)),)
    assert [done for _, done, _ in seen] == list(range(1, seen[0][2] + 1))
    assert all(piece.duration <= timedelta(weeks=4) for piece, _, _ in seen)
    assert sum((piece.duration for piece, _, _ in seen), timedelta()) == timedelta(days=100)


@pytest.mark.parametrize(
    ("aggregate", "start", "end", "message"),
    [
        (MAINNET, timedelta(seconds=30), timedelta(minutes=5), "whole minutes"),
        (MAINNET, timedelta(0), timedelta(minutes=5, microseconds=1), "whole minutes"),
        ("internal.nothing", timedelta(0), timedelta(minutes=5), "cumsum.all_metrics_minute"),
    ],
)
def test_senseless_requests_are_refused(
    plain_database: ScratchDatabase, aggregate: str, start: timedelta, end: timedelta, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Aggregates(plain_database).refresh(aggregate, Window(ago(1) + start, ago(1) + end))
