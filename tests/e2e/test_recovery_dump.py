"""The page on dumps: what is restored and filled up is what there would be without an accident."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.core.windows import Window
from tests.fix_postgres import Cluster, ScratchDatabase, running_cluster
from tests.fix_prometheus import DAY, MIDNIGHT, NOW, History
from tests.oracle import wrong_buckets
from tests.pages import blocks, run

pytestmark = pytest.mark.e2e

PAGE = "recover-from-a-dump.md"
RIGHTS = """
    SELECT n.nspname, c.relname, c.relkind::text, c.relacl::text, c.relpersistence::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('internal', 'cumsum', 'geo', 'api', 'staging_internal', 'staging_cumsum')
    UNION ALL
    SELECT n.nspname, p.proname, 'f', p.proacl::text, p.prosecdef::text
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname IN ('internal', 'api')
    UNION ALL
    SELECT 'role', r.rolname, '', coalesce(s.setconfig::text, ''), r.rolcanlogin::text
    FROM pg_roles r LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid
    WHERE r.rolname IN ('web_anon', 'writer', 'authenticator', 'staging_writer')
    UNION ALL
    SELECT 'trigger', t.tgname, t.tgrelid::regclass::text, t.tgenabled::text, ''
    FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgrelid::regclass::text LIKE '%staging%'
"""
# What both have: the page's own days.
DAYS = ("2026-11-10", "2026-11-20")
JOBS = "SELECT proc_name, hypertable_name, schedule_interval, config - 'hypertable_id'"


@pytest.mark.timeout(300)
def test_a_restored_database_is_filled_up_to_what_it_would_have_been(
    cluster: Cluster,
    database: ScratchDatabase,
    history: History,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    1. While a backfill goes on, the page's commands dump the database.
    2. Its commands restore it on a server that has never had it, roles first.
    3. Rights, limits, triggers and policies are as they were. Staging is empty.
    4. The ledger explains every row of the dump; filled up, both databases hold the same rows.
    """
    environment = {
        "ADMIN_URL": database.url,
        "TELEGRAF_DB_PASSWORD": "t3l3graf",
        "POSTGREST_DB_PASSWORD": "p0stgr3st",
        "DATASOURCE_URL": history.url,
        "DAGSTER_HOME": str(tmp_path / "dagster"),
    }
    page = blocks(PAGE)
    backfill = history.backfill(database, instants_per_unit=1)
    half_done = threading.Event()
    report = []

    def fill() -> None:
        report.append(
            backfill.run(
                "backfill_forever",
                history.days("backfill_forever"),
                now=NOW,
                on_progress=lambda p: half_done.set() if p.done > 1 else None,
            )
        )

    work = threading.Thread(target=fill)
    work.start()
    assert half_done.wait(60)
    run(page["dump"], environment, tmp_path)
    work.join(60)
    assert report[0].error is None
    with running_cluster(cluster.engine) as other:
        environment |= {
            "NEW_SERVER_URL": other.url("postgres"),
            "NEW_ADMIN_URL": other.url("metrics"),
            "DATABASE_URL": other.url("metrics"),
        }
        for name in ("roles", cluster.engine, "passwords"):
            run(page[name], environment, tmp_path)
        with ScratchDatabase(other.url("metrics")) as restored:
            assert rights(restored) == rights(database)
            if cluster.engine == "timescaledb":
                jobs = f"{JOBS} FROM timescaledb_information.jobs WHERE job_id >= 1000"
                assert told(restored, jobs) == told(database, jobs)
            assert one(restored, "SELECT count(*) FROM staging_cumsum.prometheus_remote_write") == 0
            # Each entry with its rows, and no row without an entry.
            rows = one(restored, "SELECT count(*) FROM cumsum.prometheus_remote_write")
            assert rows == one(restored, "SELECT sum(rows_source) FROM internal.backfill_ledger")
            run(page["fill"], environment, tmp_path)
            window = Window(MIDNIGHT - 20 * DAY, MIDNIGHT)
            for kept in (restored, database):
                for schema, name, _ in AGGREGATES:
                    Aggregates(kept).refresh(f"{schema}.{name}", window)
            for table, time in (
                ("prometheus_remote_write", "time"),
                ("all_metrics_minute", "bucket"),
            ):
                same = f"SELECT * FROM cumsum.{table} WHERE {time} >= '{DAYS[0]}' AND {time} < '{DAYS[1]}'"  # noqa: S608, E501
                assert told(restored, same) == told(database, same)
            assert not wrong_buckets(restored, MIDNIGHT)


def told(database: ScratchDatabase, statement: str) -> list[str]:
    with database.connection() as connection:
        return sorted(map(repr, connection.execute(statement.encode()).fetchall()))


def rights(database: ScratchDatabase) -> list[str]:
    return told(database, RIGHTS)


def one(database: ScratchDatabase, statement: str) -> int:
    with database.connection() as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return int(row[0] or 0)
