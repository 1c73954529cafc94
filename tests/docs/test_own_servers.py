"""What the pages tell a person with servers of their own to type, typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from promtsdb_dagster.localstack.history import HistoryPlan
from tests.docs.mapping import OWN_SERVERS
from tests.docs.test_commands import mapped_to
from tests.fix_postgres import Cluster, ScratchDatabase
from tests.fix_prometheus import running_prometheus
from tests.pages import run

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
    plain_cluster: Cluster, prometheus: str, tmp_path: Path
) -> None:
    """
    1. `make migrate` on an empty database; a dry run then writes nothing.
    2. Everything else that the pages name, health among it, ends with status 0.
    3. What the week's backfill stored is found again by --recheck, and nothing is written.
    """
    script = [of_today(command) for command in mapped_to(OWN_SERVERS)]
    until = 1 + next(n for n, command in enumerate(script) if "--dry-run" in command)
    url = plain_cluster.empty_url()
    environment = {
        "DATABASE_URL": url,
        "DATASOURCE_URL": prometheus,
        "DAGSTER_HOME": str(tmp_path / "dagster"),
    }
    with ScratchDatabase(url) as database:
        run("\n".join(script[:until]), environment, tmp_path)
        assert rows(database) == 0
        run("\n".join(c for c in script[until:] if "--recheck" not in c), environment, tmp_path)
        filled = rows(database)
        assert filled > 1_000
        for command in (c for c in script if "--recheck" in c):
            assert "0 rows written" in run(command, environment, tmp_path)
        assert rows(database) == filled
    plain_cluster.drop(url)
