"""The commands without a daemon, on a real Prometheus and a real PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from promtsdb_dagster import cli
from promtsdb_dagster.localstack.ports import free_port
from tests.fix_postgres import ScratchDatabase
from tests.fix_prometheus import MIDNIGHT, History

pytestmark = pytest.mark.e2e

DAY = timedelta(days=1)
RANGE = (MIDNIGHT - 9 * DAY, MIDNIGHT - 6 * DAY)
RAW = "SELECT count(*), coalesce(sum(value), 0) FROM cumsum.prometheus_remote_write"
TOTALS = "SELECT count(*), coalesce(sum(sum_value), 0) FROM cumsum.all_metrics_minute"


@pytest.fixture(autouse=True)
def environment(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    history: History,
    empty_database: ScratchDatabase,
) -> None:
    """The servers of a user: an empty database, a Prometheus, a Dagster home."""
    monkeypatch.setenv("DATABASE_URL", empty_database.url)
    monkeypatch.setenv("DATASOURCE_URL", history.url)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.delenv("BACKFILL_START", raising=False)


def _run(command: str, start: datetime, end: datetime, *more: str) -> int:
    dates = ["--from", f"{start:%Y-%m-%d}", "--to", f"{end:%Y-%m-%d}"]
    return cli.main([command, *more, *dates])


def _one(database: ScratchDatabase, statement: str) -> tuple[object, ...]:
    with database.connection() as connection:
        row = connection.execute(statement).fetchone()  # type: ignore[call-overload]
    assert row is not None
    return tuple(row)


def test_a_backfill_migrates_fills_and_refreshes_and_a_second_finds_it_done(
    empty_database: ScratchDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("backfill", *RANGE, "--asset", "backfill_forever") == 0
    output = capsys.readouterr().out
    assert "migrations applied" in output
    assert "backfill_forever works in whole partitions of 7 days" in output
    raw = _one(empty_database, RAW)
    assert raw[0]
    assert _one(empty_database, TOTALS) == raw

    assert _run("backfill", *RANGE, "--asset", "backfill_forever") == 0
    assert "0 rows written" in capsys.readouterr().err
    assert _one(empty_database, RAW) == raw
    assert _one(empty_database, TOTALS) == raw


def test_a_dry_run_foretells_the_rows_and_writes_nothing(
    empty_database: ScratchDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dry = ["--asset", "backfill_forever", "--dry-run"]
    assert _run("backfill", *RANGE, *dry) == cli.REFUSED
    assert "run `make migrate`" in capsys.readouterr().err
    assert cli.main(["migrate"]) == 0
    capsys.readouterr()
    # A second time there is no run of it, as the runs below show.
    assert cli.main(["migrate"]) == 0
    assert "): up to date" in capsys.readouterr().out

    assert _run("backfill", *RANGE, *dry) == 0
    told = capsys.readouterr()
    assert "measured now by fetching" in told.out
    assert "nothing was written" in told.out
    assert _one(empty_database, RAW) == (0, 0)
    # Runs are where the UI looks.
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        runs = [(run.job_name, run.status) for run in instance.get_runs()]
        assert not instance.get_materialized_partitions(dg.AssetKey("backfill_forever"))
    success = dg.DagsterRunStatus.SUCCESS
    assert runs == [("__ASSET_JOB", success), ("migrate", success)]

    assert _run("backfill", *RANGE, "--asset", "backfill_forever") == 0
    done = capsys.readouterr()
    rows = _one(empty_database, RAW)[0]
    assert f"would write {rows:,} rows" in told.err
    # A pipe gets lines, and nothing that moves a cursor.
    assert "backfill_forever: 0 %, 1 piece of work to do" in done.err
    assert f"backfill_forever: 100 %, {rows:,} rows" in done.err
    assert "\x1b" not in told.out + told.err + done.out + done.err

    assert _run("backfill", *RANGE, *dry) == 0
    told = capsys.readouterr()
    assert f"{rows:,} of {rows:,} rows are done by the ledger" in told.err
    assert "measured in the latest 1 partition of backfill_forever" in told.out
    assert (told.out + told.err).count("it would take about") == 1


def test_a_refresh_covers_exactly_the_range(
    empty_database: ScratchDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("backfill", *RANGE, "--asset", "backfill_forever") == 0
    raw = _one(empty_database, RAW)
    with empty_database.connection() as connection:
        # A table on one engine, a view over one on the other: only a refresh may heal this.
        connection.execute("UPDATE cumsum.prometheus_remote_write SET value = value + 1")
    assert _run("refresh", RANGE[0], RANGE[0] + DAY) == 0
    assert "cumsum.all_metrics_minute" in capsys.readouterr().out
    inside = f"FILTER (WHERE r.time >= '{RANGE[0]}' AND r.time < '{RANGE[0] + DAY}')"
    count, healed = _one(
        empty_database,
        f"SELECT count(*) {inside}, count(*) FILTER (WHERE r.value = a.sum_value) "  # noqa: S608
        "FROM cumsum.prometheus_remote_write r JOIN cumsum.all_metrics_minute a "
        "ON (a.bucket, a.name) = (r.time, r.name)",
    )
    assert count == healed == 6 * 24
    assert _one(empty_database, RAW)[0] == raw[0]


def test_a_source_that_is_not_there_fails_in_one_paragraph(
    database: ScratchDatabase,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("DATASOURCE_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("DATASOURCE_ATTEMPTS", "1")
    assert _run("backfill", *RANGE, "--asset", "backfill_forever") == cli.FAILED
    error = capsys.readouterr().err
    paragraph = error[error.index("error: ") :]
    assert "Traceback" not in error
    assert len(paragraph.strip().splitlines()) == 1
    assert "http://127.0.0.1:" in paragraph
    assert _one(database, RAW)[0] == 0
