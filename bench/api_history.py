"""Databases with a history for the API: ours and the predecessor's, of the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import psycopg

from bench.predecessor import install
from bench.statements import statement
from bench.world import Bench
from promtsdb_dagster.core.windows import floor

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# So much comes as raw rows, so that the newest minutes are not refreshed and hours not rolled up.
_RAW = 3 * HOUR
_SESSION = (
    "SET timezone = 'UTC'; SET synchronous_commit = off; SET maintenance_work_mem = '512MB';"
    " SET work_mem = '64MB'; SET max_parallel_workers_per_gather = 0"
)


@dataclass(frozen=True)
class History:
    """How many days there are; all minutes of the newest, of compared series of more of them.

    What is older has its full hours only: hours and days are all there, and no function of the API
    reads minutes so old.
    """

    days: int
    minute_days: int
    compared_days: int


def our_database(bench: Bench, history: History) -> str:
    """Return the URL of a database with that history, rolled up, up to now."""
    url = bench.new_database()
    with psycopg.connect(bench.admin_url(url), autocommit=True) as connection:
        _prepare(connection, bench.engine)
        now = datetime.now(timezone.utc)
        cut, end = floor(now, HOUR) - _RAW, floor(now, MINUTE)
        connection.execute("CALL bench.loosen()")
        names = connection.execute("SELECT aggregate FROM internal.aggregate_source").fetchall()
        for (name,) in names:
            for compared, days in ((True, history.compared_days), (False, history.minute_days)):
                call = f"bench.fill(%s, {compared}, "
                _fill(connection, call, history.days, days, cut, name)
            bench.say(f"  filled {name}")
        connection.execute("CALL bench.tighten()")
        connection.execute("CALL bench.fill_raw(%s, %s)", [cut, end])
        refresh = (
            "CALL public.refresh_continuous_aggregate(%s, %s, %s)"
            if bench.engine == "timescaledb"
            else "SELECT internal.refresh_aggregate(%s, %s, %s)"
        )
        for (name,) in names:
            connection.execute(refresh, [name, cut, end - 3 * MINUTE])
        if bench.engine == "timescaledb":
            connection.execute("CALL internal.refresh_rollups()")
        connection.execute(statement("vacuum_all"))
    return url


def old_database(bench: Bench, history: History) -> str:
    """Return the URL of the predecessor's database with the same minutes."""
    url = bench.empty_database()
    install(bench.admin_url(url), bench.engine)
    with psycopg.connect(bench.admin_url(url), autocommit=True) as connection:
        _prepare(connection, bench.engine)
        connection.execute(statement("api_fill_predecessor"))
        cut = floor(datetime.now(timezone.utc), HOUR)
        _fill(connection, "bench.fill_predecessor(", history.days, history.compared_days, cut)
        if bench.engine == "timescaledb":
            connection.execute(
                "CALL public.refresh_continuous_aggregate(%s, %s, %s)",
                ["internal.cagg_calculated_metric", cut, cut + HOUR],
            )
        connection.execute(statement("vacuum_all"))
    return url


def _prepare(connection: psycopg.Connection, engine: str) -> None:
    connection.execute(_SESSION)
    connection.execute(statement("api_fill"))
    connection.execute(statement(f"api_{engine}"))


def _fill(
    connection: psycopg.Connection, call: str, days: int, dense: int, cut: datetime, *first: str
) -> None:
    begin = cut - dense * DAY
    for span in ((cut - days * DAY, begin, HOUR), (begin, cut, MINUTE)):
        connection.execute(f"CALL {call}%s, %s, %s)", [*first, *span])
