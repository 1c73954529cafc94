"""Housekeeping changes no answer: rows go, tags go and come back, newest buckets keep up."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from psycopg import sql

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.housekeeping import Housekeeping
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.adapters.policies import Policies
from promtsdb_dagster.adapters.unused_tags import TagReport, UnusedTags
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.policies import problems
from promtsdb_dagster.core.windows import Window
from tests.fix_pglite import OneConnection
from tests.fix_postgres import SQL_DIR, Cluster, ScratchDatabase
from tests.rows import put, stored, tag

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(timezone.utc)
NAMES = [f"{schema}.{name}" for schema, name, _ in AGGREGATES]
COMMON = "internal.prometheus_common_1m"
USED, UNUSED, TOTAL = 1, 2, 3


def ask(database: ScratchDatabase, text: str, *values: object) -> list[tuple[Any, ...]]:
    with database.connection(autocommit=True) as connection:
        cursor = connection.execute(text, values or None)
        return cursor.fetchall() if cursor.description else []


def count(database: ScratchDatabase, table: str) -> int:
    return len(stored(database, table))


def keep_no_trace(rows: int, to: datetime) -> None:
    """Progress that nobody looks at."""


def answers(database: ScratchDatabase) -> list[object]:
    """Return what users see."""
    with database.connection() as connection:
        found: list[object] = [stored(database, name) for name in NAMES]
        for function in (
            "get_latest_geo_coordinates()",
            "get_all_latest_common_metrics()",
            "get_all_latest_cumsum_metrics()",
            "get_all_latest_token_metrics('mainnet')",
            "get_agg_cumsum_metric('web_requests', 'cumsum', '1 day', '2026-01-01', '2026-03-01')",
        ):
            found.append(connection.execute(f"SELECT * FROM api.{function}").fetchall())  # noqa: S608
    return found


def fill(database: ScratchDatabase, *ages: timedelta) -> None:
    """Store rows of every kind at these ages, refreshed."""
    tag(database, {USED: {"instance": "a", "supply": "7"}, TOTAL: {"instance": "t"}})
    for age in ages:
        at = w.floor(NOW - age, MINUTE)
        names = ("manifest_tokenomics_total_supply", "manifest_geo_latitude", "node_count")
        schemas = ("mainnet", "testnet", "common", "geo")
        put(database, [(at, USED, name, schema, 5) for name in names for schema in schemas])
        put(database, [(at, TOTAL, "web_requests", "cumsum", 5)], "cumsum")
    for name in NAMES:
        Aggregates(database).refresh(
            name, Window(w.floor(NOW - 360 * DAY, DAY), w.floor(NOW, HOUR))
        )


# What policies do on TimescaleDB.


def test_expired_rows_go_by_the_hour_and_leave_their_buckets(
    plain_database: ScratchDatabase,
) -> None:
    fill(plain_database, 3 * DAY, 340 * DAY)
    put(plain_database, [(NOW - 3000 * DAY, TOTAL, "web_requests", "cumsum", 5)], "cumsum")
    # What was refreshed while it was young is a year old now.
    shift = "SET session_replication_role = replica;"
    for name in ("internal.prometheus_remote_write", "internal.prometheus_common_1m"):
        column = "time" if name.endswith("write") else "bucket"
        ask(
            plain_database,
            f"{shift} UPDATE {name} SET {column} = {column} - INTERVAL '30 days'"  # noqa: S608
            f" WHERE {column} < now() - INTERVAL '300 days'",
        )
    put(plain_database, [(NOW - 400 * DAY + n * HOUR, 9, "x", "none", n) for n in range(30)])
    before, seen = answers(plain_database), []

    report = Housekeeping(plain_database).drop_expired(lambda rows, to: seen.append((rows, to)))

    assert (report.engine, report.rows, report.complete) == ("postgresql", 42, True)
    # Thirty hours, and the one of the shifted rows: each a transaction of its own.
    assert len(seen) == 31
    assert all(later[1] > earlier[1] for earlier, later in pairwise(seen))
    oldest = ask(plain_database, "SELECT min(time) FROM internal.prometheus_remote_write")[0][0]
    assert oldest > NOW - 10 * DAY
    Housekeeping(plain_database).refresh_recent()
    for name in NAMES:
        Aggregates(plain_database).refresh(name, Window(w.floor(NOW - 999 * DAY, DAY), NOW_MINUTE))
    assert answers(plain_database) == before
    again = Housekeeping(plain_database).drop_expired(keep_no_trace)
    assert (again.rows, again.dropped_to) == (0, None)


NOW_MINUTE = w.floor(NOW - 5 * MINUTE, MINUTE)


@pytest.fixture(autouse=True)
def fresh_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of all tests may last longer than what refreshes look back."""
    now = datetime.now(timezone.utc)
    monkeypatch.setattr(sys.modules[__name__], "NOW", now)
    monkeypatch.setattr(sys.modules[__name__], "NOW_MINUTE", w.floor(now - 5 * MINUTE, MINUTE))


def test_rows_near_the_border_wait_longer_than_any_refresh(plain_database: ScratchDatabase) -> None:
    put(plain_database, [(w.floor(NOW, MINUTE) - 366 * DAY, 1, "x", "common", 1)])
    year = ask(plain_database, "SELECT date_trunc('minute', now() - INTERVAL '1 year')")[0][0]
    put(plain_database, [(year - 30 * MINUTE, 1, "x", "common", 1)])
    assert Housekeeping(plain_database).drop_expired(keep_no_trace).rows == 1


def test_missed_hours_are_made_up_for_and_cost_the_newest_one_nothing(
    plain_database: ScratchDatabase,
) -> None:
    tag(plain_database, {USED: {}})
    start = w.floor(NOW, MINUTE)
    put(plain_database, [(start - n * MINUTE, USED, "up", "common", n) for n in range(2, 1500)])
    # Nobody called for a day, and then for two hours ten hours ago.
    missed = start - DAY
    ask(
        plain_database,
        "UPDATE internal.refresh_mark SET refreshed_to = %s, missed = %s::tstzmultirange",
        start - 10 * HOUR,
        f"{{[{missed},{start - 12 * HOUR})}}",
    )
    # As a statement that does not end in time.
    ask(
        plain_database,
        "CREATE FUNCTION too_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'too slow' USING ERRCODE = 'query_canceled'; END $$;"
        f"CREATE TRIGGER stop BEFORE INSERT ON {COMMON} FOR EACH ROW"
        f" WHEN (new.bucket < '{start - 5 * HOUR}') EXECUTE FUNCTION too_slow()",
    )
    keeper = Housekeeping(plain_database)
    report = keeper.refresh_recent(at_most_seconds=30)
    first = {each.aggregate: each for each in report.refreshed}
    assert set(first) == set(NAMES)
    assert report.busy == (COMMON,)
    # The newest hours came first, and stay.
    done = {row[0] for row in stored(plain_database, COMMON)}
    assert done >= {start - n * MINUTE for n in range(2, 240)}
    assert min(done) >= start - 5 * HOUR
    assert first[COMMON].to == missed
    assert not problems(Policies(plain_database).upkeep(NOW), missed)
    told = problems(Policies(plain_database).upkeep(NOW), NOW)
    assert ["what was missed is made up for" in each for each in told] == [True]
    ask(plain_database, f"DROP TRIGGER stop ON {COMMON}")

    report = keeper.refresh_recent()

    assert all(each.to >= start - MINUTE for each in report.refreshed)
    wanted = [start - n * MINUTE for n in range(1499, 1, -1)]
    assert [row[0] for row in stored(plain_database, COMMON)] == [
        bucket
        for bucket in wanted
        if missed <= bucket < start - 12 * HOUR or bucket >= start - 10 * HOUR - 55 * MINUTE
    ]
    assert problems(Policies(plain_database).upkeep(NOW), NOW) == []
    assert sum(each.buckets for each in keeper.refresh_recent().refreshed) == 0


@pytest.mark.parametrize("away", [20 * MINUTE, 3 * HOUR], ids=str)
def test_rows_that_came_late_while_nobody_refreshed_get_their_buckets(
    plain_database: ScratchDatabase, away: timedelta
) -> None:
    tag(plain_database, {USED: {}})
    last = w.floor(NOW, MINUTE) - away
    ask(plain_database, "UPDATE internal.refresh_mark SET refreshed_to = %s", last - MINUTE)
    # They came a moment after the last refresh, 2 to 49 minutes late: staging notes none of them.
    late = [last - n * MINUTE for n in range(49, 1, -1)]
    put(plain_database, [(at, USED, "up", "common", 1) for at in late])

    Housekeeping(plain_database).refresh_recent(at_most_seconds=30)

    assert [row[0] for row in stored(plain_database, COMMON)] == late


def test_a_sensor_that_ticks_has_nothing_to_make_up_for(plain_database: ScratchDatabase) -> None:
    ask(
        plain_database,
        "UPDATE internal.refresh_mark SET refreshed_to = %s",
        w.floor(NOW, MINUTE) - 3 * MINUTE,
    )
    ask(plain_database, "SELECT internal.refresh_newest(%s)", COMMON)
    mark = "SELECT missed = '{}' FROM internal.refresh_mark WHERE aggregate = %s"
    assert ask(plain_database, mark, COMMON) == [(True,)]


def test_a_downgrade_forgets_no_missed_hour(plain_database: ScratchDatabase) -> None:
    ask(
        plain_database,
        "UPDATE internal.refresh_mark SET missed = %s::tstzmultirange",
        f"{{[{NOW_MINUTE - DAY},{NOW_MINUTE - 5 * HOUR})}}",
    )
    Migrator(plain_database, load_migrations(SQL_DIR)).down(40)
    assert ask(plain_database, "SELECT DISTINCT refreshed_to FROM internal.refresh_mark") == [
        (NOW_MINUTE - DAY,)
    ]


def test_an_aggregate_that_is_being_refreshed_is_left_out(plain_database: ScratchDatabase) -> None:
    put(plain_database, [(NOW - HOUR, USED, "up", "common", 1)])
    with psycopg.connect(plain_database.url) as other:
        other.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('refresh ' || %s, 0))", [COMMON]
        )
        report = Housekeeping(plain_database).refresh_recent(at_most_seconds=1)
    assert report.busy == (COMMON,)
    assert len(report.refreshed) == len(NAMES) - 1


def test_timescaledb_is_left_to_its_policies(timescaledb_database: ScratchDatabase) -> None:
    fill(timescaledb_database, 3 * DAY, 30 * MINUTE)
    put(timescaledb_database, [(NOW - 400 * DAY, 9, "x", "none", 1)])
    before = answers(timescaledb_database)
    keeper = Housekeeping(timescaledb_database)
    assert keeper.refresh_recent().refreshed == ()
    assert keeper.drop_expired(keep_no_trace).rows == 0
    assert answers(timescaledb_database) == before


def pending(database: ScratchDatabase) -> list[tuple[str, Window, str]]:
    return [each[:3] for each in Aggregates(database).pending()]


def policies_run(database: ScratchDatabase) -> None:
    """Do what the refresh policies do; this server's jobs never run."""
    for name in NAMES:
        ask(
            database,
            "CALL public.refresh_continuous_aggregate(%s, now() - INTERVAL '1 hour',"
            " now() - INTERVAL '1 minute')",
            name,
        )


@pytest.mark.parametrize("back", [False, True], ids=["still_off", "back"])
def test_hours_that_the_policies_missed_are_noted_once_and_refreshed(
    timescaledb_database: ScratchDatabase, back: bool
) -> None:
    """
    1. Five hours were refreshed, then the policies stood still for four, without a late row.
    2. Where they work again, the newest bucket is right, and the hole below it stays.
    """
    database, keeper = timescaledb_database, Housekeeping(timescaledb_database)
    start = w.floor(NOW, MINUTE)
    tag(database, {USED: {}})

    def live(newest: int, oldest: int) -> None:
        ages = [n * MINUTE for n in range(newest, oldest)]
        put(database, [(start - age, USED, "up", "common", 1) for age in ages])

    live(241, 541)
    for name in NAMES:
        Aggregates(database).refresh(name, Window(start - 9 * HOUR, start - 4 * HOUR))
    assert keeper.note_missed() == []
    ask(
        database,
        "SELECT public.alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs"
        " WHERE proc_name = 'policy_refresh_continuous_aggregate'",
    )
    live(1, 241)
    if back:
        policies_run(database)

    fed = sorted(name for name in NAMES if not name.startswith("cumsum"))
    assert keeper.note_missed() == fed
    assert keeper.note_missed() == []
    noted = pending(database)
    assert [(name, reason) for name, _, reason in noted] == [(name, "late row") for name in fed]
    assert {window.start for _, window, _ in noted} == {start - 4 * HOUR}
    assert all(start - HOUR <= window.end <= start - 40 * MINUTE for _, window, _ in noted)

    for name in fed:
        Aggregates(database).refresh(
            name, Window(start - 9 * HOUR, start + MINUTE), only_changed=True
        )
    policies_run(database)
    assert pending(database) == []
    assert keeper.note_missed() == []
    held = {row[0] for row in stored(database, COMMON)}
    assert held >= {start - n * MINUTE for n in range(2, 541)}


def test_what_a_backfill_noted_and_what_expired_is_not_noted_as_missed(
    database: ScratchDatabase,
) -> None:
    keeper = Housekeeping(database)
    put(database, [(NOW - age, USED, "up", "common", 1) for age in (3 * DAY, 500 * DAY)])
    ask(
        database,
        "SELECT internal.note_change('internal', %s, %s, 'backfill')",
        NOW - 4 * DAY,
        NOW - 2 * DAY,
    )
    ask(database, "DELETE FROM internal.aggregate_change WHERE aggregate = %s", COMMON)
    wanted = [COMMON] if database.engine() == "timescaledb" else []
    assert keeper.note_missed() == wanted
    at = w.floor(NOW - 3 * DAY, MINUTE)
    found = [window for name, window, reason in pending(database) if reason == "late row"]
    assert found == [Window(at, at + MINUTE) for _ in wanted]


def test_notes_that_nothing_will_act_on_go(database: ScratchDatabase) -> None:
    fill(database, 3 * DAY)
    ask(database, "DELETE FROM internal.aggregate_change")
    note = (
        "INSERT INTO internal.aggregate_change"
        " (aggregate, window_start, window_end, reason, noted_at)"
        " SELECT %s, now() - %s, now() - %s + INTERVAL '1 hour', 'late row', now() - %s"
    )
    for age, noted in ((500 * DAY, 2 * DAY), (500 * DAY, HOUR), (2 * DAY, 2 * DAY)):
        ask(database, note, COMMON, age, age, noted)
    refused = "INSERT INTO internal.refused_row VALUES ('cumsum', 'x', now()::date - %s, 1)"
    for days in (401, 30):
        ask(database, refused, days)

    gap = "INSERT INTO internal.live_gap (record, hour, missing, absent, attempts) VALUES"
    for days in (401, 30):
        ask(database, f"{gap} ('up', now() - %s, '{{}}', '{{}}', 1)", days * DAY)

    assert Housekeeping(database).drop_old_notes() == {
        "aggregate_change": 1,
        "refused_row": 1,
        "live_gap": 1,
    }
    assert count(database, "internal.aggregate_change") == 2


# Tags that no row refers to.


def tidy(database: ScratchDatabase, **options: Any) -> TagReport:
    settings = {"patience": timedelta(0), "quarantine": timedelta(days=30), **options}
    return UnusedTags(database, **settings).tidy()


def tags(database: ScratchDatabase) -> set[int]:
    return {row[0] for row in stored(database, "internal.prometheus_remote_write_tag")}


def test_a_tag_is_noticed_retired_and_forgotten(database: ScratchDatabase) -> None:
    fill(database, 3 * DAY, 200 * DAY)
    tag(database, {UNUSED: {"instance": "gone", "country_name": "CH"}})
    before = answers(database)

    first = tidy(database, patience=DAY)
    assert (first.tags, first.unused, first.noticed, first.retired) == (3, 1, 1, 0)
    assert tidy(database, patience=DAY).retired == 0
    assert tags(database) == {USED, UNUSED, TOTAL}
    assert tidy(database).retired == 1
    assert tags(database) == {USED, TOTAL}
    assert tidy(database).forgotten == 0
    assert tidy(database, quarantine=timedelta(0)).forgotten == 1

    assert stored(database, "internal.unused_tag") == []
    assert answers(database) == before
    assert tidy(database) == TagReport(2, 0, 0, 0, 0, 0, 0)


def test_a_tag_that_is_used_again_is_no_longer_noticed(database: ScratchDatabase) -> None:
    tag(database, {UNUSED: {}})
    assert tidy(database, patience=DAY).noticed == 1
    put(database, [(NOW - 100 * DAY, UNUSED, "web_requests", "cumsum", 1)], "cumsum")
    assert tidy(database).retired == 0
    assert stored(database, "internal.unused_tag") == []


def test_tags_of_orphans_are_not_retired(database: ScratchDatabase) -> None:
    tag(database, {UNUSED: {}})
    tidy(database, patience=DAY)
    ask(database, "INSERT INTO internal.orphan_tag VALUES (2, 'internal', now(), now())")
    assert tidy(database).retired == 0


def test_a_retired_tag_comes_back_with_the_first_live_row(database: ScratchDatabase) -> None:
    """Telegraf sends a tag once, and rows for as long as it remembers that."""
    labels = {"instance": "back", "supply": "9", "country_name": "CH", "more": "x"}
    tag(database, {UNUSED: labels})
    kept = stored(database, "internal.prometheus_remote_write_tag")
    tidy(database)
    assert tidy(database).retired == 1

    at = w.floor(NOW - 2 * HOUR, MINUTE)
    ask(
        database,
        "INSERT INTO staging_internal.prometheus_remote_write VALUES (%s, 2, 'up', 'common', 1)",
        at,
    )
    assert UnusedTags(database).restore() == 1
    assert stored(database, "internal.prometheus_remote_write_tag") == kept
    Aggregates(database).refresh(COMMON, Window(at - HOUR, at + HOUR), only_changed=True)
    assert stored(database, COMMON) == [(at, "up", 9)]
    assert tidy(database).unused == 0


def test_a_tag_is_not_forgotten_while_its_rows_arrive(database: ScratchDatabase) -> None:
    """A row comes after its hour was looked at: the retired tag is all that knows its labels."""
    labels = {"instance": "back", "supply": "9"}
    tag(database, {USED: {}, UNUSED: labels})
    put(database, [(NOW - 2 * HOUR, USED, "up", "common", 1)])
    tidy(database)
    assert tidy(database).retired == 1
    late = "INSERT INTO staging_internal.prometheus_remote_write VALUES (%s, 2, 'up', 'common', 1)"

    def arrive(where: str, *_: int) -> None:
        if where.startswith("internal"):
            ask(database, late, NOW - HOUR)

    keeper = UnusedTags(database, patience=timedelta(0), quarantine=timedelta(0))
    assert keeper.tidy(arrive).forgotten == 0
    assert keeper.restore() == 1
    assert ask(
        database, "SELECT labels FROM internal.prometheus_remote_write_tag WHERE tag_id = 2"
    ) == [(labels,)]


def test_the_sensor_does_not_wait_for_who_holds_a_retired_tag(database: ScratchDatabase) -> None:
    tag(database, {UNUSED: {}})
    tidy(database)
    assert tidy(database).retired == 1
    ask(database, "INSERT INTO internal.orphan_tag VALUES (2, 'internal', now(), now())")
    with psycopg.connect(database.url) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT FROM internal.unused_tag FOR UPDATE")
        waiting = pool.submit(UnusedTags(database).restore, at_most_seconds=1)
        try:
            assert waiting.result(timeout=60) is None
        finally:
            other.rollback()
    assert UnusedTags(database).restore(at_most_seconds=30) == 1


def test_a_writer_that_stores_the_tag_anew_is_not_disturbed(database: ScratchDatabase) -> None:
    tag(database, {UNUSED: {"instance": "a"}})
    tidy(database)
    assert tidy(database).retired == 1
    tag(database, {UNUSED: {"instance": "b"}})
    put(database, [(NOW - HOUR, UNUSED, "up", "common", 1)])
    assert (tidy(database).restored, tags(database)) == (0, {UNUSED})
    assert stored(database, "internal.unused_tag") == []


def test_only_so_many_go_at_once(database: ScratchDatabase) -> None:
    tag(database, {number: {} for number in range(100, 107)})
    tidy(database)
    assert [tidy(database, most=3).retired for _ in range(4)] == [3, 3, 1, 0]


def test_a_writer_in_flight_keeps_its_tags(database: ScratchDatabase) -> None:
    """
    1. A writer has found its tag known, as upsert_tags does, and has stored no row yet.
    2. The tag has been unused for long; retiring it waits for the writer, and gives up.
    3. The writer stores its rows and commits: the next time the tag is in use.
    """
    tag(database, {UNUSED: {"supply": "9"}})
    tidy(database)
    with psycopg.connect(database.url) as writer:
        writer.execute("SELECT internal.upsert_tags('{2}', ARRAY['{\"supply\": \"9\"}'::jsonb])")
        assert tidy(database).postponed == 1
        writer.execute(
            "INSERT INTO internal.prometheus_remote_write VALUES (%s, 2, 'up', 'common', 1)",
            [NOW - HOUR],
        )
        writer.commit()
    assert (tidy(database).retired, tags(database)) == (0, {UNUSED})


def test_a_writer_that_waits_for_the_retirement_stores_its_tag(database: ScratchDatabase) -> None:
    """
    1. The tag is retired, and that is not committed.
    2. A writer knows the tag from before, and waits for the tag table.
    3. The retirement commits: the writer finds no tag, and stores it with its rows.
    """
    tag(database, {UNUSED: {"supply": "9"}})
    tidy(database)

    def write() -> None:
        with psycopg.connect(database.url) as writer:
            writer.execute(
                "SELECT internal.upsert_tags('{2}', ARRAY['{\"supply\": \"9\"}'::jsonb])"
            )
            writer.execute(
                "INSERT INTO internal.prometheus_remote_write VALUES (%s, 2, 'up', 'common', 1)",
                [NOW - HOUR],
            )

    with ThreadPoolExecutor(1) as pool, psycopg.connect(database.url) as keeper:
        retired = keeper.execute("SELECT internal.retire_tags('{2}')").fetchall()
        assert retired == [(1,)]
        writing = pool.submit(write)
        wait_for(lambda: bool(ask(database, "SELECT 1 FROM pg_locks WHERE NOT granted")))
        keeper.commit()
        writing.result(timeout=60)
    assert tags(database) == {UNUSED}
    assert tidy(database) == TagReport(1, 0, 0, 0, 0, 0, 0)


def test_rows_that_came_between_the_look_and_the_retirement_get_their_tag_back(
    database: ScratchDatabase,
) -> None:
    """Somebody stored rows past every rule: the tag is gone, no orphan was noted."""
    at = w.floor(NOW - 30 * DAY, MINUTE)
    tag(database, {UNUSED: {"supply": "9"}})
    tidy(database)
    ask(database, "SELECT internal.retire_tags('{2}')")
    put(database, [(at, UNUSED, "up", "common", 1)])

    assert tidy(database).restored == 1
    assert tags(database) == {UNUSED}
    Aggregates(database).refresh(COMMON, Window(at - HOUR, at + HOUR), only_changed=True)
    assert stored(database, COMMON) == [(at, "up", 9)]


def test_tags_that_are_not_retired_for_good_survive_a_downgrade(database: ScratchDatabase) -> None:
    tag(database, {UNUSED: {"supply": "9"}})
    kept = stored(database, "internal.prometheus_remote_write_tag")
    tidy(database)
    assert tidy(database).retired == 1
    Migrator(database, load_migrations(SQL_DIR)).down(36)
    assert stored(database, "internal.prometheus_remote_write_tag") == kept


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        # Not a guess at how long it takes: the loop ends when the server did it.
        time.sleep(0.05)


# Whether policies have kept up.


def test_the_check_finds_what_a_person_did_to_the_policies(
    timescaledb_database: ScratchDatabase,
) -> None:
    database = timescaledb_database
    assert problems(Policies(database).upkeep(NOW), NOW) == []
    ask(database, "SELECT public.remove_retention_policy('internal.prometheus_remote_write')")
    ask(
        database,
        "SELECT public.alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs"
        " WHERE proc_name = 'policy_compression' AND hypertable_schema = 'cumsum'",
    )
    told = problems(Policies(database).upkeep(NOW), NOW)
    assert len(told) == 2
    assert "no policy_retention on internal.prometheus_remote_write" in told[0]
    assert "018_storage_policies.up.sql again" in told[0]
    assert "alter_job(" in told[1]


def test_the_check_judges_by_what_was_done(database: ScratchDatabase, cluster: Cluster) -> None:
    """This server's jobs never run, and nobody refreshes the plain one."""
    tag(database, {USED: {}})
    Housekeeping(database).refresh_recent()
    put(database, [(NOW - n * MINUTE, USED, "up", "common", n) for n in (20, 30, 40)])
    (told,) = problems(Policies(database).upkeep(NOW), NOW)
    assert told.startswith(f"the newest bucket of {COMMON} is none of the last hour")
    fix = "CALL public.run_job(" if cluster.engine == "timescaledb" else "sensor recent_buckets"
    assert fix in told
    window = Window(w.floor(NOW, HOUR) - HOUR, w.floor(NOW, MINUTE))
    Aggregates(database).refresh(COMMON, window)
    assert problems(Policies(database).upkeep(NOW), NOW) == []


def test_the_check_finds_a_refresh_that_never_came(database: ScratchDatabase) -> None:
    fill(database, 3 * DAY)
    Housekeeping(database).refresh_recent()
    ask(database, "SELECT internal.note_change('cumsum', %s, %s, 'late row')", NOW - DAY, NOW)
    assert problems(Policies(database).upkeep(NOW), NOW) == []
    ask(database, "UPDATE internal.aggregate_change SET noted_at = now() - INTERVAL '2 hours'")
    (told,) = problems(Policies(database).upkeep(NOW), NOW)
    assert told.startswith("1 changes of cumsum.all_metrics_minute between")
    assert "make refresh FROM=" in told


def test_the_check_finds_chunks_that_should_be_compressed_or_gone(
    timescaledb_database: ScratchDatabase,
) -> None:
    database = timescaledb_database
    put(database, [(NOW - days * DAY, 1, "x", "none", 1) for days in (2, 30, 500)])
    # A backfill has just made them: the policies may be on their way.
    assert problems(Policies(database).upkeep(NOW), NOW) == []
    ask(
        database,
        "UPDATE _timescaledb_catalog.chunk SET creation_time = now() - INTERVAL '2 days'",
    )
    told = problems(Policies(database).upkeep(NOW), NOW)
    assert [each.split(" ", 1)[0] for each in told] == ["2", "1"]
    assert "policy_compression" in told[0]
    assert "policy_retention" in told[1]


def test_rows_that_should_be_gone_are_told(plain_database: ScratchDatabase) -> None:
    Housekeeping(plain_database).refresh_recent()
    put(plain_database, [(NOW - 400 * DAY, 1, "x", "none", 1)])
    (told,) = problems(Policies(plain_database).upkeep(NOW), NOW)
    assert "materialize expired_rows" in told
    Housekeeping(plain_database).drop_expired(keep_no_trace)
    assert problems(Policies(plain_database).upkeep(NOW), NOW) == []


@pytest.fixture
def wasm(pglite: OneConnection) -> OneConnection:
    """Lend a migrated database that is TimescaleDB without a server."""
    Migrator(pglite, load_migrations(SQL_DIR)).up()
    return pglite


def test_tags_and_policies_in_webassembly(wasm: OneConnection) -> None:
    tag(wasm, {USED: {}, UNUSED: {"supply": "9"}})
    put(wasm, [(NOW - 3 * DAY, USED, "up", "common", 1)])
    assert tidy(wasm).noticed == 1
    assert tidy(wasm).retired == 1
    assert tags(wasm) == {USED}
    assert problems(Policies(wasm).upkeep(NOW), NOW) == []
    with wasm.connection() as connection:
        text = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("internal", "unused_tag"))
        assert connection.execute(text).fetchone() == (1,)
