"""Prometheus -> vmalert -> Telegraf -> staging -> tables -> aggregates, with no double.

1. The stack runs without vmalert; the database is migrated.
2. vmalert starts: each minute it evaluates the live rules, on what Prometheus has scraped.
3. For the minutes that have come, our own writer fetches the group `live` into another database.
4. Both databases hold the same rows, tags and aggregates, for every rule there is.
5. Backfills into the live database end at the first live row: all totals are the source's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.core.planner import Only
from promtsdb_dagster.core.windows import Window, ceil, floor, instants, split
from promtsdb_dagster.localstack import Endpoints, LocalStack, Options
from promtsdb_dagster.settings import ROOT, load_settings
from tests.fix_postgres import SQL_DIR, ScratchDatabase
from tests.fix_prometheus import GROUPS, History
from tests.fix_telegraf import wait_until
from tests.totals import source_totals, stored_totals

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SETTLE = timedelta(seconds=30)
RULES = {rule.record.lower() for rule in GROUPS["live"].rules}
ROWS = """
    SELECT m.time, m.name, m.schema, m.tag_id, m.value::text, t.labels::text
    FROM (
        TABLE internal.prometheus_remote_write UNION ALL TABLE cumsum.prometheus_remote_write
    ) AS m
    LEFT JOIN internal.prometheus_remote_write_tag t USING (tag_id)
    WHERE m.time >= %s AND m.time < %s
"""


def rows(database: ScratchDatabase, window: Window) -> Counter[tuple[Any, ...]]:
    with database.connection() as connection:
        return Counter(connection.execute(ROWS, [window.start, window.end]).fetchall())


def aggregate(database: ScratchDatabase, name: sql.Identifier, window: Window) -> list[Any]:
    statement = sql.SQL(
        "SELECT a::text FROM {} AS a WHERE bucket >= %s AND bucket < %s ORDER BY a"
    ).format(name)
    with database.connection() as connection:
        return connection.execute(statement, [window.start, window.end]).fetchall()


def first_minute(database: ScratchDatabase) -> datetime | None:
    with database.connection() as connection:
        [[oldest]] = connection.execute(
            "SELECT min(time) FROM internal.prometheus_remote_write"
        ).fetchall()
    return oldest  # type: ignore[no-any-return]


def live_starts(database: ScratchDatabase) -> set[datetime]:
    with database.connection() as connection:
        found = connection.execute(
            "SELECT starts_at FROM internal.live_start WHERE schema = 'cumsum'"
        ).fetchall()
    return {row[0] for row in found}


def migrated(url: str) -> ScratchDatabase:
    database = ScratchDatabase(url)
    Migrator(database, load_migrations(SQL_DIR)).up()
    return database


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Endpoints]:
    """Run the stack on a migrated database; vmalert comes after the migrations."""

    def open_stack(*without: str) -> LocalStack:
        options = Options(
            pg_bindir=load_settings().pg_bindir,
            history_days=1,
            # More than the scrape timeout, and half a minute less to wait.
            settle_seconds=int(SETTLE.total_seconds()),
            without=("caddy", "postgrest", *without),
        )
        return LocalStack(tmp_path / "stack", ROOT, options=options)

    whole = open_stack()
    try:
        migrated(open_stack("vmalert").start().database_url).close()
        endpoints = whole.start()
        if not (endpoints.vmalert_url and endpoints.telegraf_url):
            pytest.skip("; ".join(endpoints.skipped))
        yield endpoints
    finally:
        whole.remove()


@pytest.fixture
def direct(stack: Endpoints) -> Iterator[ScratchDatabase]:
    """Make another database of the same owner."""
    owner = psycopg.conninfo.conninfo_to_dict(stack.database_url)["user"]
    with psycopg.connect(stack.admin_database_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE direct OWNER {} TEMPLATE template0").format(
                sql.Identifier(str(owner))
            )
        )
    with migrated(stack.database_url.rsplit("/", 1)[0] + "/direct") as database:
        yield database


def test_live_rows_are_those_of_the_direct_writer(
    stack: Endpoints, direct: ScratchDatabase
) -> None:
    started = datetime.now(timezone.utc)
    with ScratchDatabase(stack.database_url) as live, Prometheus(stack.datasource_url) as source:
        wait_until(lambda: first_minute(live) is not None, "the first live rows", 150)
        first = first_minute(live)
        assert first is not None
        # The last one is of what Prometheus has scraped, and not of the history it began with.
        last = floor(started, MINUTE) + MINUTE
        window, newest = Window(first, last + MINUTE), Window(last, last + MINUTE)
        wait_until(lambda: bool(rows(live, newest)), "live rows of a scraped minute", 150)

        day = first.replace(hour=0, minute=0)
        now = datetime.now(timezone.utc)
        report = (
            History(stack.datasource_url, source)
            .backfill(direct, settle=SETTLE)
            .run("live", [Window(day, day + timedelta(days=1))], now=now, only=Only((window,)))
        )
        assert report.error is None
        expected = rows(direct, window)
        wait_until(lambda: rows(live, window).total() >= expected.total(), "as many live rows", 30)

        assert rows(live, window) == expected
        assert {name for _, name, *_ in expected} == RULES
        assert {time for time, *_ in expected} == set(instants(window, MINUTE))

        for schema, name, _ in AGGREGATES:
            for database in (live, direct):
                Aggregates(database).refresh(f"{schema}.{name}", window)
            what = sql.Identifier(schema, name)
            assert aggregate(live, what, window) == aggregate(direct, what, window) != []

        with live.connection() as connection:
            superusers = connection.execute(
                "SELECT a.usename, a.application_name FROM pg_stat_activity a"
                " JOIN pg_roles r ON r.rolname = a.usename"
                " WHERE a.backend_type = 'client backend' AND r.rolsuper"
            ).fetchall()
        assert superusers == []

        # What came before the live rows is the backfill's, up to the first of them, exactly.
        assert live_starts(live) == {first}
        now = datetime.now(timezone.utc)
        begin = day - timedelta(days=1)
        days = split(Window(begin, ceil(now + HOUR, DAY)), DAY)
        engine = History(stack.datasource_url, source).backfill(live, settle=SETTLE)
        for group in ("backfill_forever", "live", "backfill_forever"):
            assert engine.run(group, days, now=now).error is None
        whole_hours = floor(first - MINUTE, HOUR)
        expected_totals = source_totals(source, begin, whole_hours, last)
        assert stored_totals(live, last) == expected_totals
        assert len(expected_totals) == 6
