"""Fixtures: vmalert, old and new, whose replay goes through Telegraf into a database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from promtsdb_dagster.adapters.replay import ReplayCommand
from promtsdb_dagster.adapters.replay_process import ProcessReplayer
from promtsdb_dagster.adapters.reservations import Reservations
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.replaying import ReplayedStore, Replayer
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
# One job only: a vmalert that fails takes its time.
WHOLE_DAY = Window(MIDNIGHT - 2 * DAY, MIDNIGHT - DAY)
WEEK = Window(MIDNIGHT - 9 * DAY, MIDNIGHT - 2 * DAY)
TABLES = (
    "internal.prometheus_remote_write",
    "cumsum.prometheus_remote_write",
    "internal.prometheus_remote_write_tag",
)
LEDGER = (
    "rule_group, rule, record, step, window_start, window_end, series, rows_source,"
    " rows_written, rows_present, samples_dropped, verified_at IS NOT NULL AS verified"
)


plain = pytest.mark.parametrize("cluster", ["postgresql"], indirect=True)


@pytest.fixture
def packaged_vmalert() -> Path:
    """Find vmalert as a distribution has it: Debian's is 1.79."""
    if found := shutil.which("vmalert", path="/usr/bin:/usr/local/bin"):
        return Path(found)
    pytest.skip("no packaged vmalert is there; `apt-get install victoria-metrics` has it")


@pytest.fixture
def current_vmalert() -> Path:
    """Find the vmalert of tools/."""
    if (built := ROOT / "tools" / "bin" / "vmalert").exists():
        return built
    pytest.skip("no current vmalert is there; `make tools` builds it where Go is installed")


@pytest.fixture(params=["packaged", "current"])
def vmalert(request: pytest.FixtureRequest) -> Path:
    """Find either vmalert in turn."""
    found: Path = request.getfixturevalue(f"{request.param}_vmalert")
    return found


@pytest.fixture
def another_database(cluster: Cluster) -> Iterator[ScratchDatabase]:
    """Lend a second migrated database of the same engine."""
    url = cluster.migrated_url()
    with ScratchDatabase(url) as database:
        yield database
    cluster.drop(url)


def process(source_url: str, telegraf: Telegraf, vmalert: Path) -> ProcessReplayer:
    command = ReplayCommand(
        source_url,
        telegraf.url,
        telegraf_username=USERNAME,
        telegraf_password=PASSWORD,
    )
    return ProcessReplayer(command, vmalert, longest_seconds=60)


def engine(
    history: History, database: ScratchDatabase, replayer: Replayer, patience: float
) -> Backfill:
    store = ReplayedStore(
        Writer(database),
        Reservations(database),
        replayer,
        timedelta(seconds=patience),
        # Several portions of today.
        rows_at_once=15_000,
    )
    limits = Policy(history_start=MIDNIGHT - 20 * DAY, concurrency=1)
    return Backfill(history.source, store, GROUPS, ROUTING, limits)


def replayed(
    history: History,
    database: ScratchDatabase,
    telegraf: Telegraf,
    vmalert: Path,
    *,
    source_url: str | None = None,
    patience: float = 60,
) -> Backfill:
    """Return a backfill whose rows come by vmalert and Telegraf."""
    replayer = process(source_url or history.url, telegraf, vmalert)
    return engine(history, database, replayer, patience)


@contextmanager
def failing_after(queries: int, url: str) -> Iterator[str]:
    """Pass queries on to a source, and after so many of them answer 503."""
    left = [queries]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            left[0] -= 1
            if left[0] < 0:
                self.send_error(503)
                return
            kind = {"Content-Type": self.headers.get("Content-Type", "")}
            answer = httpx.request(
                self.command, url + self.path, content=body, headers=kind, trust_env=False
            )
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def shut_out(database: ScratchDatabase) -> Iterator[None]:
    """Keep Telegraf from logging in; what it takes stays in its buffer."""
    with database.connection(autocommit=True) as connection:
        connection.execute("ALTER ROLE telegraf NOLOGIN")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'telegraf'"
        )
        try:
            yield
        finally:
            connection.execute("ALTER ROLE telegraf LOGIN")


def verified(database: ScratchDatabase) -> set[bool]:
    """Return whether all, none or some of the entries are verified."""
    return {row[-1] for row in everything(database)["ledger"]}


def assert_direct_completes(
    history: History, database: ScratchDatabase, another: ScratchDatabase, partition: Window
) -> None:
    """Run the direct writer after a failed replay, and where nothing was before."""
    for each in (database, another):
        report = history.backfill(each).run("backfill_forever", [partition], now=NOW)
        assert report.error is None
        assert [part.found_done for part in report.partitions] == [False]
    ours, theirs = everything(database), everything(another)
    assert [ours[name] for name in TABLES] == [theirs[name] for name in TABLES]
    windows = [[row[:5] for row in found["ledger"]] for found in (ours, theirs)]
    assert windows[0] == windows[1]
    assert verified(database) == {True}


def everything(database: ScratchDatabase) -> dict[str, list[Any]]:
    """Return rows, tags, the ledger and what is to be refreshed, without the times of the runs."""
    with database.connection() as connection:
        ledger = connection.execute(
            f"SELECT {LEDGER} FROM internal.backfill_ledger ORDER BY 1, 2, 5"  # noqa: S608
        ).fetchall()
        changes = connection.execute(
            "SELECT aggregate, window_start, window_end FROM internal.aggregate_change"
            " WHERE reason = 'backfill' ORDER BY 1, 2, 3"
        ).fetchall()
    tables = {table: stored(database, table) for table in TABLES}
    return {"ledger": ledger, "changes": changes, **tables}
