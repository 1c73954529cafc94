"""Roll-ups say what the minutes say, whoever changes minutes while they are made."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.windows import floor
from tests.fix_postgres import SQL_DIR, Cluster, ScratchDatabase
from tests.integration.test_migrations import await_lock
from tests.integration.test_rollups import (
    DAY,
    HOUR,
    MAINNET,
    MINUTE,
    NAMES,
    NOW,
    PAST,
    ROLLUPS,
    TODAY,
    differences,
    not_covered,
    refresh_all,
    some_days,
)
from tests.rows import put

FILES = load_migrations(SQL_DIR)
GEO = "geo.latest_coords"
REFRESH = "SELECT internal.refresh_aggregate(%s, %s, %s)"


@pytest.fixture
def plain_empty(plain_cluster: Cluster) -> Iterator[ScratchDatabase]:
    url = plain_cluster.empty_url()
    with ScratchDatabase(url) as database:
        yield database
    plain_cluster.drop(url)


def change_minutes(database: ScratchDatabase, day: int) -> None:
    """Store a larger sample than its hour and its day have, and refresh as of then."""
    at = PAST.start + day * DAY + 30 * MINUTE
    put(database, [(at, 1, "locked_tokens", "mainnet", 99)])
    with database.connection() as connection:
        connection.execute(REFRESH, [MAINNET, at - HOUR, at + HOUR])


def test_minutes_may_change_between_any_two_migrations(plain_empty: ScratchDatabase) -> None:
    migrator = Migrator(plain_empty, FILES)
    migrator.up(to=41)
    some_days(plain_empty)
    with plain_empty.connection() as connection:
        connection.execute(REFRESH, [MAINNET, PAST.start, TODAY])
    for day, version in enumerate((41, 42, 43, 44), start=1):
        migrator.up(to=version)
        change_minutes(plain_empty, day)
    migrator.up()
    assert differences(plain_empty) == {}

    for day, version in enumerate((43, 42), start=5):
        migrator.down(version)
        change_minutes(plain_empty, day)
    migrator.up()
    assert differences(plain_empty) == {}
    refresh_all(plain_empty, PAST)
    assert differences(plain_empty) == {}
    assert not_covered(plain_empty) == {}


def test_a_refresh_that_does_not_know_of_new_hours_is_waited_for(
    plain_database: ScratchDatabase,
) -> None:
    """
    1. A refresh has changed positions, knows of their days only, and is not committed.
    2. The migration that brings their hours has them too.
    """
    migrator = Migrator(plain_database, FILES)
    migrator.down(53)
    some_days(plain_database)
    at = PAST.start + DAY
    with ThreadPoolExecutor(1) as pool:
        with plain_database.connection() as refreshing, plain_database.connection() as seeing:
            refreshing.execute(REFRESH, [GEO, at, at + DAY])
            migrating = pool.submit(migrator.up)
            await_lock(seeing, migrating, "relation")
        migrating.result()
    assert differences(plain_database) == {}


def test_refreshes_of_an_aggregate_and_of_what_is_above_it_take_turns(
    timescaledb_database: ScratchDatabase,
) -> None:
    """
    1. Somebody refreshes minutes; what he writes is not committed, and may not be logged.
    2. The job leaves their hours and days alone, and another refresh waits.
    """
    some_days(timescaledb_database)
    with timescaledb_database.connection(autocommit=True) as job:
        for name in NAMES:
            call = "CALL public.refresh_continuous_aggregate(%s, %s, %s)"
            job.execute(call, [name, PAST.start, floor(NOW, MINUTE)])
        with ThreadPoolExecutor(1) as pool:
            with timescaledb_database.connection(autocommit=True) as refreshing:
                refreshing.execute(query("lock_refresh"), [MAINNET])
                job.execute("CALL internal.refresh_rollups()")
                assert {ROLLUPS[rollup][0] for rollup in not_covered(timescaledb_database)} == {
                    MAINNET
                }
                waiting = pool.submit(refresh_all, timescaledb_database, PAST)
                await_lock(refreshing, waiting, "advisory")
                refreshing.execute(query("unlock_refresh"), [MAINNET])
            waiting.result()
        assert not_covered(timescaledb_database) == {}
        # Neither keeps the lock.
        job.execute("CALL internal.refresh_rollups()")
        locks = job.execute("SELECT FROM pg_locks WHERE locktype = 'advisory'").fetchall()
        assert locks == []
