"""What the pages tell a person with servers of their own to type, typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from promtsdb_dagster import cli
from promtsdb_dagster.localstack.history import HistoryPlan
from tests.docs.mapping import OWN_SERVERS
from tests.docs.test_commands import arguments_of, mapped_to
from tests.fix_postgres import Cluster, ScratchDatabase
from tests.fix_prometheus import running_prometheus

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROWS = "SELECT count(*) FROM internal.prometheus_remote_write"


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[str]:
    """Run a Prometheus that holds the last week, as the pages' dates are of a week."""
    now = int(datetime.now(timezone.utc).timestamp())
    with running_prometheus(tmp_path, HistoryPlan(now=now, days=8)) as url:
        yield url


def of_today(command: str) -> str:
    """Return a command with the days before 2026-11-21 moved to those before today."""
    by = datetime.now(timezone.utc).date() - date(2026, 11, 21)

    def moved(match: re.Match[str]) -> str:
        return f"{date.fromisoformat(match[0]) + by}"

    return re.sub(r"\d{4}-\d{2}-\d{2}", moved, command)


def rows(database: ScratchDatabase) -> int:
    with database.connection() as connection:
        row = connection.execute(ROWS).fetchone()
    assert row is not None
    return int(row[0])


def test_the_commands_do_what_they_say(
    plain_cluster: Cluster,
    prometheus: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """
    1. `make migrate` finds the schema there, and a dry run writes nothing. On an empty database
       tests/e2e/test_commands.py runs it, which takes as long as all of this.
    2. Everything else that the pages name, `make health` among it, ends with status 0.
    3. With --recheck a backfill writes nothing: all that it stored is there.
    """
    url = plain_cluster.migrated_url()
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("DATASOURCE_URL", prometheus)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    filled = 0
    with ScratchDatabase(url) as database:
        # In this process: what `make` itself makes of the commands is tested beside.
        for command in sorted(mapped_to(OWN_SERVERS), key=_turn):
            arguments = arguments_of(of_today(command))
            assert arguments
            assert cli.main(arguments) == 0, command
            told = capfd.readouterr()
            if "--recheck" in command:
                assert "0 rows written" in told.out + told.err
                assert rows(database) == filled
            filled = rows(database)
            assert (filled > 1_000) == (_turn(command) > DRY_RUN)
    plain_cluster.drop(url)


DRY_RUN = 1


def _turn(command: str) -> int:
    """Return when a command has its turn: the pages are read from the first to the last line."""
    if "migrate" in command:
        return 0
    if "--dry-run" in command:
        return DRY_RUN
    return 2 if command.endswith("TO=2026-11-21") and "backfill" in command else 3
