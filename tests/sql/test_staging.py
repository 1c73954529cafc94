"""What lands in staging is moved on at once, whatever it is and however many send it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal

import psycopg
import pytest
from psycopg import sql

from promtsdb_dagster.adapters.staging import DrainReport, Staging
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import StoreError
from tests.fix_postgres import Cluster, ScratchDatabase
from tests.rows import stored, tag

Source = Literal["internal", "cumsum"]
SOURCES: tuple[Source, ...] = ("internal", "cumsum")
NOW = datetime.now(timezone.utc).replace(microsecond=0)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TAGS = "internal.prometheus_remote_write_tag"


@pytest.fixture(autouse=True)
def present() -> None:
    """Let each test have a present of its own: a row is live only while it is young."""
    global NOW
    NOW = datetime.now(timezone.utc).replace(microsecond=0)


def copy(connection: psycopg.Connection[Any], table: str, rows: Sequence[Sequence[Any]]) -> None:
    with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as sink:
        for row in rows:
            sink.write_row(row)


def send(database: ScratchDatabase, source: Source, rows: Sequence[Sequence[Any]]) -> None:
    with database.connection() as connection:
        copy(connection, f"staging_{source}.prometheus_remote_write", rows)


def send_tags(database: ScratchDatabase, source: Source, rows: Sequence[Sequence[Any]]) -> None:
    with database.connection() as connection:
        copy(connection, f"staging_{source}.prometheus_remote_write_tag", rows)


def left(database: ScratchDatabase, source: Source) -> int:
    return len(stored(database, f"staging_{source}.prometheus_remote_write")) + len(
        stored(database, f"staging_{source}.prometheus_remote_write_tag")
    )


@pytest.mark.parametrize("source", SOURCES)
def test_rows_move_on_and_staging_is_empty(database: ScratchDatabase, source: Source) -> None:
    rows = [(NOW - i * MINUTE, i, "up", "common", Decimal(i)) for i in range(3)]
    send_tags(database, source, [(i, '{"host": "telegraf"}') for i in range(3)])
    send(database, source, [*rows, rows[0]])
    send(database, source, [(NOW, 0, "up", "common", 99)])

    assert stored(database, f"{source}.prometheus_remote_write") == sorted(rows)
    assert left(database, source) == 0
    assert stored(database, "internal.orphan_tag") == []


def test_every_digit_survives(database: ScratchDatabase) -> None:
    values = ["135304300855652060000", "0.379", "-1", "1e308", "5e-324"]
    send(database, "internal", [(NOW, i, "up", "common", v) for i, v in enumerate(values)])

    found = [row[4] for row in stored(database, "internal.prometheus_remote_write")]
    assert found == [Decimal(value) for value in values]


def test_one_bad_sample_costs_no_other(database: ScratchDatabase) -> None:
    good = (NOW, 1, "up", "common", 1)
    random.seed(2)
    noise = "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=10_000))
    bad = [
        (None, 2, "up", "common", 1),
        (NOW, None, "up", "common", 1),
        (NOW, 3, None, "common", 1),
        (NOW, 4, "up", None, 1),
        (NOW, 5, "up", "common", None),
        (NOW, 6, "up", "common", "NaN"),
        (NOW, 7, "up", "common", "Infinity"),
        (NOW, 8, "up", "common", "-Infinity"),
        ("infinity", 9, "up", "common", 1),
        (NOW, 10, noise, "common", 1),
        (NOW, 11, "up", noise, 1),
        # What a clock that is off, or a client that mixes up its units, sends.
        ("1969-12-31 23:59:59+00", 12, "up", "common", 1),
        ("4000-01-01 00:00:00+00 BC", 13, "up", "common", 1),
        (NOW + timedelta(days=1, minutes=10), 14, "up", "common", 1),
        ("58830-01-01 00:00:00+00", 15, "up", "common", 1),
        ("294276-12-31 00:00:00+00", 16, "up", "common", 1),
    ]
    send(database, "internal", [*bad[:5], good, *bad[5:]])

    assert stored(database, "internal.prometheus_remote_write") == [(*good[:4], Decimal(1))]
    assert left(database, "internal") == 0


def test_tags_keep_every_label_and_fill_the_columns(database: ScratchDatabase) -> None:
    labels = (
        '{"host": "h", "instance": "i", "country_name": "Curaçao", "city": "🏙", "supply": "1",'
        ' "excluded_supply": "2", "amount": "3", "another": "4"}'
    )
    send_tags(database, "cumsum", [(7, labels)])

    ((*columns, bag),) = stored(database, TAGS)
    assert columns == [7, "h", "i", "Curaçao", "🏙", "1", "2", "3"]
    assert bag["another"] == "4"
    assert len(bag) == 8


def test_a_null_never_overwrites_a_value(database: ScratchDatabase) -> None:
    send_tags(database, "internal", [(7, '{"host": "h", "city": "Paris"}')])
    for later in (None, "{}", '{"host": null, "city": null}', "[1]", "3", "null"):
        send_tags(database, "internal", [(7, later)])
    send_tags(database, "internal", [(7, '{"city": "Rome", "supply": "5"}')])

    assert stored(database, TAGS) == [
        (7, "h", None, None, "Rome", "5", None, None, {"host": "h", "city": "Rome", "supply": "5"})
    ]


def test_labels_may_be_long(database: ScratchDatabase) -> None:
    send_tags(database, "internal", [(1, '{"supply": "' + "x" * 10_000 + '", "instance": ""}')])

    ((_, _, instance, _, _, supply, *_),) = stored(database, TAGS)
    assert (instance, supply) == ("", "x" * 10_000)


@pytest.mark.parametrize("source", SOURCES)
def test_concurrent_batches_of_the_same_rows(database: ScratchDatabase, source: Source) -> None:
    """Telegraf may send on several connections, and sends again what it believes failed."""
    rows = [(NOW - i * MINUTE, k, "up", "common", i) for i in range(100) for k in range(20)]
    bags = [(k, f'{{"host": "h{k}"}}') for k in range(20)]

    def deliver(seed: int) -> None:
        shuffled, tags = list(rows), list(bags)
        random.Random(seed).shuffle(shuffled)
        random.Random(seed).shuffle(tags)
        with psycopg.connect(database.url, autocommit=True) as connection:
            for start in range(0, len(rows), 250):
                batch = shuffled[start : start + 250]
                copy(connection, f"staging_{source}.prometheus_remote_write", batch)
                with connection.transaction():
                    table = sql.Identifier(f"staging_{source}", "prometheus_remote_write_tag")
                    connection.execute(
                        sql.SQL("CREATE TEMP TABLE t (LIKE {}) ON COMMIT DROP").format(table)
                    )
                    copy(connection, "t", tags)
                    connection.execute(
                        sql.SQL(
                            "INSERT INTO {} SELECT * FROM t ORDER BY tag_id"
                            " ON CONFLICT (tag_id) DO NOTHING"
                        ).format(table)
                    )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver, range(4)))

    assert stored(database, f"{source}.prometheus_remote_write") == sorted(rows)
    assert [row[0] for row in stored(database, TAGS)] == list(range(20))
    assert left(database, source) == 0


def test_rows_that_a_disabled_trigger_left_are_drained(database: ScratchDatabase) -> None:
    with database.connection() as connection:
        for name in ("prometheus_remote_write", "prometheus_remote_write_tag"):
            connection.execute(
                f"ALTER TABLE staging_internal.{name} DISABLE TRIGGER trg_flush_{name}".encode()
            )
    send(database, "internal", [(NOW, 1, "up", "common", 1), (NOW, 1, "up", "common", 1)])
    send_tags(database, "internal", [(1, '{"host": "h"}'), (2, None)])
    assert left(database, "internal") == 4

    assert Staging(database).drain("internal") == DrainReport(2, 2, 0)
    assert Staging(database).drain("internal") == DrainReport(0, 0, 0)
    assert Staging(database).drain("cumsum") == DrainReport(0, 0, 0)

    assert len(stored(database, "internal.prometheus_remote_write")) == 1
    assert left(database, "internal") == 0


def test_a_drain_does_not_wait_for_another(database: ScratchDatabase) -> None:
    with database.connection() as connection:
        connection.execute(
            "ALTER TABLE staging_internal.prometheus_remote_write"
            " DISABLE TRIGGER trg_flush_prometheus_remote_write"
        )
    send(database, "internal", [(NOW, 1, "up", "common", 1)])
    with database.connection() as holding:
        holding.execute("SELECT * FROM staging_internal.prometheus_remote_write FOR UPDATE")
        assert Staging(database).drain("internal") == DrainReport(0, 0, 1)
    assert Staging(database).drain("internal") == DrainReport(1, 0, 0)


def test_late_rows_are_noted_for_every_aggregate_that_they_feed(database: ScratchDatabase) -> None:
    old, day = NOW - timedelta(days=3), timedelta(days=1)
    batch = [(at, 1, "up", "mainnet", 1) for at in (NOW, old, old + MINUTE, old - 3 * day)]
    tag(database, {1: {}})
    send(database, "internal", batch)
    send(database, "internal", batch)
    send(database, "cumsum", [(NOW - timedelta(hours=2), 1, "web_requests", "cumsum", 1)])

    noted = stored(database, "internal.aggregate_change")
    assert {row[4] for row in noted} == {"late row"}
    mainnet = [
        Window(row[2], row[3]) for row in noted if row[1] == "internal.prometheus_mainnet_1m"
    ]
    assert len(mainnet) == 2, "two days, and nothing between them; the second batch brought nothing"
    assert all(any(at in window for window in mainnet) for at in (old, old + MINUTE, old - 3 * day))
    assert all(window.duration <= 2 * MINUTE for window in mainnet)
    assert [row[1] for row in noted if row[2] == min(r[2] for r in noted[-1:])] == [
        "cumsum.all_metrics_minute"
    ]
    assert len(noted) == 5 * 2 + 1


def test_live_data_starts_where_young_rows_do(database: ScratchDatabase) -> None:
    """A replay sends old rows through the same door; they are not live."""
    young = NOW - MINUTE
    send(database, "cumsum", [(NOW - timedelta(days=2), 1, "web_requests", "cumsum", 1)])
    assert stored(database, "internal.live_start") == []

    send(database, "cumsum", [(NOW, 1, "web_requests", "cumsum", 1)])
    send(database, "cumsum", [(young, 1, "web_requests", "cumsum", 1), (NOW, 2, "b", "cumsum", 1)])
    send(database, "cumsum", [(NOW, 3, "web_requests", "cumsum", 1)])
    send(database, "internal", [(NOW, 1, "up", "common", 1)])

    assert stored(database, "internal.live_start") == [
        ("b", "cumsum", NOW),
        ("up", "common", NOW),
        ("web_requests", "cumsum", young),
    ]


def test_orphans_remember_the_span_of_their_rows(database: ScratchDatabase) -> None:
    send(database, "internal", [(NOW - 5 * MINUTE, 1, "up", "common", 1)])
    send(database, "internal", [(NOW, 1, "up", "common", 1), (NOW - MINUTE, 1, "up", "common", 1)])
    send(database, "cumsum", [(NOW, 2, "web_requests", "cumsum", 1)])
    assert stored(database, "internal.orphan_tag") == [
        (1, "internal", NOW - 5 * MINUTE, NOW),
        (2, "cumsum", NOW, NOW),
    ]

    send_tags(database, "cumsum", [(1, "{}"), (2, "{}")])

    assert stored(database, "internal.orphan_tag") == []
    noted = stored(database, "internal.aggregate_change")
    assert {row[4] for row in noted} == {"late tag"}
    assert len(noted) == 5, "no aggregate over cumsum joins the tags"


def test_telegraf_needs_no_more_than_staging(cluster: Cluster, database: ScratchDatabase) -> None:
    name = database.url.rsplit("/", 1)[1]
    with database.connection() as connection:
        connection.execute(f"CREATE ROLE telegraf_{name} LOGIN".encode())
        connection.execute(
            f"GRANT USAGE ON SCHEMA staging_internal, staging_cumsum TO telegraf_{name};"
            "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA staging_internal, staging_cumsum"
            f" TO telegraf_{name}".encode()
        )
    url = database.url.replace("//postgres@", f"//telegraf_{name}@")
    with ScratchDatabase(url) as telegraf:
        send_tags(telegraf, "internal", [(1, '{"host": "h"}')])
        send(telegraf, "internal", [(NOW, 1, "up", "common", 1)])
        with pytest.raises(StoreError, match="the role of DATABASE_URL may not"):
            stored(telegraf, "internal.prometheus_remote_write")
        with (
            pytest.raises(StoreError, match="the role of DATABASE_URL may not"),
            telegraf.connection() as c,
        ):
            c.execute("ALTER TABLE staging_internal.prometheus_remote_write_tag ADD COLUMN x text")
    assert len(stored(database, "internal.prometheus_remote_write")) == 1
    with database.connection() as connection:
        connection.execute(f"DROP OWNED BY telegraf_{name}".encode())
        connection.execute(f"DROP ROLE telegraf_{name}".encode())


def refuse_to_judge(database: ScratchDatabase) -> None:
    with database.connection() as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION internal.judge_staged_rows(p_source text) RETURNS bigint"
            " LANGUAGE plpgsql AS $$ BEGIN RAISE 'judged'; END $$"
        )


@pytest.mark.parametrize("source", SOURCES)
def test_rows_as_they_should_be_are_not_judged_one_by_one(
    database: ScratchDatabase, source: Source
) -> None:
    tag(database, {1: {}})
    send(database, source, [(NOW, 1, "up", "common", 1), (NOW, 1, "up", "s", 1)])
    refuse_to_judge(database)

    send(database, source, [(NOW + MINUTE, 1, "up", "common", 1), (NOW - HOUR, 1, "up", "s", 1)])
    send(database, source, [])
    for unusual in ((NOW, 2, "up", "common", 1), (NOW, 1, "new", "common", 1)):
        with pytest.raises(psycopg.Error, match="judged"):
            send(database, source, [unusual])

    assert len(stored(database, f"{source}.prometheus_remote_write")) == 4
    assert len(stored(database, "internal.aggregate_change")) == (5 if source == "internal" else 1)


def test_a_session_that_meets_duplicates_loses_nothing_and_stays_careful(
    database: ScratchDatabase,
) -> None:
    table = "staging_internal.prometheus_remote_write"
    tag(database, {1: {}})
    send(database, "internal", [(NOW, 1, "up", "common", 1)])
    refuse_to_judge(database)

    with psycopg.connect(database.url, autocommit=True) as connection:
        copy(connection, table, [(NOW + MINUTE, 1, "up", "common", 1)])
        setting = "SELECT coalesce(current_setting('promtsdb.duplicates_until', true), '')"
        assert connection.execute(setting).fetchone() == ("",)
        twice = (NOW + 2 * MINUTE, 1, "up", "common", 1)
        copy(connection, table, [twice, (NOW + MINUTE, 1, "up", "common", 9), twice])
        assert connection.execute(setting).fetchone() != ("",)
        copy(connection, table, [twice, (NOW + 3 * MINUTE, 1, "up", "common", 1)])

    wanted = [(NOW + n * MINUTE, 1, "up", "common", 1) for n in range(4)]
    assert stored(database, "internal.prometheus_remote_write") == wanted


def test_what_was_left_behind_goes_with_the_next_batch_unless_it_is_held(
    database: ScratchDatabase,
) -> None:
    tag(database, {1: {}})
    send(database, "internal", [(NOW, 1, "up", "common", 1)])
    with database.connection() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "INSERT INTO staging_internal.prometheus_remote_write"
            " VALUES (%s, 1, 'up', 'common', 1)",
            (NOW + MINUTE,),
        )
    with database.connection() as holding:
        holding.execute("SELECT * FROM staging_internal.prometheus_remote_write FOR UPDATE")
        send(database, "internal", [(NOW + 2 * MINUTE, 1, "up", "common", 1)])
    assert left(database, "internal") == 1

    send(database, "internal", [(NOW + 3 * MINUTE, 1, "up", "common", 1)])

    wanted = [(NOW + n * MINUTE, 1, "up", "common", 1) for n in range(4)]
    assert stored(database, "internal.prometheus_remote_write") == wanted
    assert left(database, "internal") == 0
