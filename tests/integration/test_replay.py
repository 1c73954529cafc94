"""vmalert's replay through Telegraf leaves what the direct writer leaves, or fails and says so."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from promtsdb_dagster.adapters.replay import ReplayCommand
from promtsdb_dagster.adapters.replay_process import ProcessReplayer
from promtsdb_dagster.adapters.reservations import Reservations
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.replaying import ReplayedStore
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.settings import ROOT
from tests.fix_postgres import Cluster, ScratchDatabase
from tests.fix_prometheus import DAY, GROUPS, MIDNIGHT, NOW, ROUTING, History
from tests.fix_telegraf import PASSWORD, USERNAME, Telegraf
from tests.rows import stored

HOUR = timedelta(hours=1)
# One partition a group, the coarse one of running totals with an hour that is not over.
PARTITIONS = {
    "backfill_1y": Window(MIDNIGHT - 9 * DAY, MIDNIGHT - 8 * DAY),
    "backfill_1w": Window(MIDNIGHT - 2 * DAY, MIDNIGHT - DAY),
    "live": Window(MIDNIGHT, MIDNIGHT + DAY),
    "backfill_forever": Window(MIDNIGHT, MIDNIGHT + DAY),
}
TABLES = (
    "internal.prometheus_remote_write",
    "cumsum.prometheus_remote_write",
    "internal.prometheus_remote_write_tag",
)
LEDGER = (
    "rule_group, rule, record, step, window_start, window_end, series, rows_source,"
    " rows_written, rows_present, samples_dropped, verified_at IS NOT NULL AS verified"
)


def _in_debian() -> Path | None:
    found = shutil.which("vmalert", path="/usr/bin:/bin:/usr/local/bin")
    return Path(found) if found else None


@pytest.fixture(params=["packaged", "current"])
def vmalert(request: pytest.FixtureRequest) -> Path:
    """Find vmalert as Debian has it, and the one of tools/."""
    if request.param == "packaged":
        if found := _in_debian():
            return found
        pytest.skip("no packaged vmalert is there; `apt-get install victoria-metrics` has it")
    if (built := ROOT / "tools" / "bin" / "vmalert").exists():
        return built
    pytest.skip("no current vmalert is there; `make tools` builds it where Go is installed")


@pytest.fixture
def another_database(cluster: Cluster) -> Iterator[ScratchDatabase]:
    """Lend a second migrated database of the same engine."""
    url = cluster.migrated_url()
    with ScratchDatabase(url) as database:
        yield database
    cluster.drop(url)


def replayed(
    history: History,
    database: ScratchDatabase,
    telegraf: Telegraf,
    vmalert: Path,
    *,
    source_url: str | None = None,
    patience: float = 60,
    rows_at_once: int = 5_000,
) -> Backfill:
    """Return a backfill whose rows come by vmalert and Telegraf."""
    command = ReplayCommand(
        source_url or history.url,
        telegraf.url,
        telegraf_username=USERNAME,
        telegraf_password=PASSWORD,
    )
    store = ReplayedStore(
        Writer(database),
        Reservations(database),
        ProcessReplayer(command, vmalert, longest_seconds=60),
        timedelta(seconds=patience),
        rows_at_once=rows_at_once,
    )
    limits = Policy(history_start=MIDNIGHT - 20 * DAY, concurrency=1)
    return Backfill(history.source, store, GROUPS, ROUTING, limits)


def everything(database: ScratchDatabase) -> dict[str, list[Any]]:
    """Return rows, tags and the ledger, without the times of the runs."""
    with database.connection() as connection:
        ledger = connection.execute(
            f"SELECT {LEDGER} FROM internal.backfill_ledger ORDER BY 1, 2, 5"  # noqa: S608
        ).fetchall()
    return {"ledger": ledger, **{table: stored(database, table) for table in TABLES}}


def test_both_writers_leave_the_same(
    history: History,
    database: ScratchDatabase,
    another_database: ScratchDatabase,
    telegraf: Telegraf,
    vmalert: Path,
) -> None:
    direct = history.backfill(another_database)
    replay = replayed(history, database, telegraf, vmalert)

    for group, partition in PARTITIONS.items():
        theirs = direct.run(group, [partition], now=NOW)
        ours = replay.run(group, [partition], now=NOW)
        assert (theirs.error, ours.error) == (None, None)
        assert ours.rows_written == theirs.rows_written > 0
        [part] = ours.partitions
        assert part.complete
        assert part.remarks == []

    expected = everything(another_database)
    assert everything(database) == expected
    steps = {(row[0], row[3]) for row in expected["ledger"] if row[2] == "web_requests"}
    assert steps == {("live", timedelta(minutes=1)), ("backfill_forever", HOUR)}
    assert stored(database, "internal.live_start") == []
    assert stored(database, "internal.refused_row") == []
