"""vmalert's replay through Telegraf leaves what the direct writer leaves, or fails and says so."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import httpx
import pytest
from pydantic import SecretStr

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.replay import ReplayCommand
from promtsdb_dagster.adapters.replay_process import ProcessReplayer
from promtsdb_dagster.adapters.reservations import Reservations
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.replaying import Ending, Job, ReplayedStore, Replayer
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.definitions import build
from promtsdb_dagster.errors import VerificationFailed
from promtsdb_dagster.settings import ROOT, Settings
from tests.dagster.running import run_assets
from tests.fix_postgres import Cluster, ScratchDatabase
from tests.fix_prometheus import DAY, GROUPS, MIDNIGHT, NOW, ROUTING, History
from tests.fix_telegraf import PASSWORD, USERNAME, Telegraf
from tests.oracle import wrong_buckets
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


def test_what_a_replay_brought_is_refreshed(
    history: History, database: ScratchDatabase, telegraf: Telegraf, current_vmalert: Path
) -> None:
    replay = replayed(history, database, telegraf, current_vmalert)
    partition = PARTITIONS["backfill_1w"]

    assert replay.run("backfill_1w", [partition], now=NOW).error is None

    aggregates = Aggregates(database)
    for schema, name, _ in AGGREGATES:
        aggregates.refresh(f"{schema}.{name}", partition, only_changed=True)
    assert wrong_buckets(database, NOW) == {}
    with database.connection() as connection:
        [held] = connection.execute("SELECT count(*) FROM internal.prometheus_mainnet_1m")
    assert held[0] > 0


def test_after_a_replay_there_is_nothing_left_to_write(
    history: History, database: ScratchDatabase, telegraf: Telegraf, current_vmalert: Path
) -> None:
    partition = PARTITIONS["backfill_forever"]
    replay = replayed(history, database, telegraf, current_vmalert)
    replay.run("backfill_forever", [partition], now=NOW)
    before = everything(database)

    direct = history.backfill(database).run("backfill_forever", [partition], now=NOW)
    again = replay.run("backfill_forever", [partition], now=NOW, recheck=True)

    assert (direct.error, direct.rows_written) == (None, 0)
    assert [part.found_done for part in direct.partitions] == [True]
    assert (again.error, again.rows_written) == (None, 0)
    assert {name: before[name] for name in TABLES} == {
        name: rows for name, rows in everything(database).items() if name in TABLES
    }


@plain
def test_a_source_that_fails_in_the_middle(
    history: History,
    database: ScratchDatabase,
    another_database: ScratchDatabase,
    telegraf: Telegraf,
    vmalert: Path,
) -> None:
    """vmalert ends with 255 and loses what it had not sent yet."""
    partition = WHOLE_DAY
    with failing_after(4, history.url) as url:
        replay = replayed(history, database, telegraf, vmalert, source_url=url, patience=2)
        report = replay.run("backfill_forever", [partition], now=NOW)

    assert isinstance(report.error, VerificationFailed)
    assert "did not arrive within 2 s" in str(report.error)
    assert "vmalert ended with status 255" in str(report.error)
    assert "503" in str(report.error)
    assert verified(database) == {False}
    assert_direct_completes(history, database, another_database, partition)


@plain
def test_rows_that_telegraf_cannot_store_in_time(
    history: History,
    database: ScratchDatabase,
    another_database: ScratchDatabase,
    telegraf: Telegraf,
    vmalert: Path,
) -> None:
    """vmalert ends with 0; what is in the buffer comes hours later and changes nothing."""
    partition = PARTITIONS["backfill_forever"]
    with shut_out(database):
        replay = replayed(history, database, telegraf, vmalert, patience=1)
        report = replay.run("backfill_forever", [partition], now=NOW)
        assert isinstance(report.error, VerificationFailed)
        assert "vmalert ended with status 0" in str(report.error)
        assert "system_tcp_sent" in str(report.error)
        assert stored(database, TABLES[1]) == []
        assert_direct_completes(history, database, another_database, partition)
    telegraf.wait_until_flushed(1)
    assert telegraf.counters()["cumsum.written"] > 0
    assert everything(database) == everything(another_database)
    assert stored(database, "internal.refused_row") == []


@plain
def test_rows_that_nobody_takes(
    history: History,
    database: ScratchDatabase,
    another_database: ScratchDatabase,
    telegraf: Telegraf,
    packaged_vmalert: Path,
) -> None:
    """Old versions end with 0 although they dropped everything."""
    telegraf.stop()
    partition = WHOLE_DAY
    replay = replayed(history, database, telegraf, packaged_vmalert, patience=0.5)

    report = replay.run("backfill_forever", [partition], now=NOW)

    assert isinstance(report.error, VerificationFailed)
    assert "vmalert ended with status 0" in str(report.error)
    assert_direct_completes(history, database, another_database, partition)


@plain
def test_a_bad_ending_with_every_row_stored_is_a_remark(
    history: History, database: ScratchDatabase, telegraf: Telegraf, current_vmalert: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    program = tmp_path / "vmalert"
    program.write_text(f'#!/bin/sh\n{current_vmalert} "$@"\nexit 255\n')
    program.chmod(0o755)
    replay = replayed(history, database, telegraf, program)

    report = replay.run("backfill_1w", [PARTITIONS["backfill_1w"]], now=NOW)

    assert report.error is None
    [part] = report.partitions
    assert part.complete
    assert all("vmalert ended with status 255" in remark for remark in part.remarks)
    assert verified(database) == {True}


@plain
def test_another_run_while_a_replay_is_under_way(
    history: History,
    database: ScratchDatabase,
    another_database: ScratchDatabase,
    telegraf: Telegraf,
    current_vmalert: Path,
) -> None:
    """It finds the minutes of the hour taken that it would have done as a whole."""
    partition = PARTITIONS["backfill_forever"]
    later = NOW + timedelta(minutes=40)
    for now in (NOW, later):
        history.backfill(another_database).run("backfill_forever", [partition], now=now)

    class Interrupted:
        """Have another run at a later hour before each replay."""

        def replay(self, job: Job) -> Ending:
            direct = history.backfill(database)
            assert direct.run("backfill_forever", [partition], now=later).error is None
            return replayer.replay(job)

    replayer = process(history.url, telegraf, current_vmalert)
    backfill = engine(history, database, Interrupted(), patience=60)

    report = backfill.run("backfill_forever", [partition], now=NOW)

    assert report.error is None
    assert verified(database) == {True}
    ours, theirs = everything(database), everything(another_database)
    assert [ours[name] for name in TABLES] == [theirs[name] for name in TABLES]
    assert {row[3] for row in ours["ledger"]} == {HOUR, timedelta(minutes=1)}


@plain
def test_a_run_that_asks_for_a_replay(
    history: History, database: ScratchDatabase, telegraf: Telegraf, current_vmalert: Path
) -> None:
    """The graph as it is, from the run's configuration to what is to be refreshed."""
    settings = Settings(
        database_url=SecretStr(database.url),
        datasource_url=history.url,
        telegraf_url=telegraf.url,
        telegraf_password=SecretStr(PASSWORD),
        vmalert_program=current_vmalert,
    )
    asset, week = dg.AssetKey("backfill_forever"), "2026-11-11"

    with dg.DagsterInstance.ephemeral() as instance:
        result = run_assets(
            build(settings),
            instance,
            [asset],
            partition_key=week,
            config={"ops": {"backfill_forever": {"config": {"writer": "replay"}}}},
        )
        assert result.success
        [event] = result.get_asset_materialization_events()

    metadata = {key: entry.value for key, entry in event.materialization.metadata.items()}
    assert metadata["rows_written"] == len(stored(database, TABLES[1])) > 6 * 24
    assert metadata["remarks"] == []
    assert verified(database) == {True}
    changed = {(name, window.meet(WEEK)) for name, window, *_ in Aggregates(database).pending()}
    assert {name for name, window in changed if window} == {"cumsum.all_metrics_minute"}


@plain
def test_tags_that_telegraf_does_not_send_again(
    history: History,
    database: ScratchDatabase,
    another_database: ScratchDatabase,
    telegraf: Telegraf,
    current_vmalert: Path,
) -> None:
    """It remembers those that it has sent, also when they are gone; rows alone are no success."""
    partition = PARTITIONS["backfill_forever"]
    replay = replayed(history, database, telegraf, current_vmalert, patience=1)
    assert replay.run("backfill_forever", [partition], now=NOW).error is None
    with database.connection() as connection:
        connection.execute("DELETE FROM internal.prometheus_remote_write_tag")

    report = replay.run("backfill_forever", [partition], now=NOW, recheck=True)

    assert isinstance(report.error, VerificationFailed)
    assert "no rows and the tags of 6 series" in str(report.error)
    assert_direct_completes(history, database, another_database, partition)
