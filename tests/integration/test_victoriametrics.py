"""VictoriaMetrics speaks the same API, with habits of its own."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.windows import EPOCH, Window
from tests.fix_postgres import ScratchDatabase, free_port

START = datetime(2026, 10, 1, tzinfo=timezone.utc)
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
NOW = START + timedelta(days=2)
READY_SECONDS = 30
RULES = (
    Rule("gauges", "height", "height", {}, "f", 1),
    Rule("gauges", "sum_of_averages", "sum(avg_over_time(height[15m]))", {}, "f", 2),
)
GROUP = RuleGroup("gauges", QUARTER, RULES, "f")


@pytest.fixture(scope="module")
def victoriametrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a VictoriaMetrics that holds a sample a minute of two series, for a day."""
    program = shutil.which("victoria-metrics")
    if program is None:
        pytest.skip("victoria-metrics is not on the PATH")
    folder: Path = tmp_path_factory.mktemp("victoriametrics")
    address = f"127.0.0.1:{free_port()}"
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [
                program,
                f"-storageDataPath={folder / 'data'}",
                f"-httpListenAddr={address}",
                "-retentionPeriod=100y",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        with httpx.Client(base_url=f"http://{address}", trust_env=False) as client:
            wait_ready(client, server)
            lines = [
                f'height{{instance="{name}"}} {minute * factor} {1000 * stamp(minute)}'
                for name, factor in (("a", 1), ("b", 0.5))
                for minute in range(24 * 60)
            ]
            client.post("/api/v1/import/prometheus", content="\n".join(lines)).raise_for_status()
            # Else it may answer from what it had in memory for the newest moments.
            client.get("/internal/force_flush").raise_for_status()
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(timeout=READY_SECONDS)


def stamp(minute: int) -> int:
    return int((START - EPOCH).total_seconds()) + 60 * minute


def wait_ready(client: httpx.Client, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            if client.get("/health").is_success:
                return
        except httpx.TransportError:
            assert server.poll() is None, "victoria-metrics ended before it was ready"
            assert time.monotonic() < deadline, "victoria-metrics was not ready in time"
            # Not a guess at how long it takes: the loop ends when it answers.
            time.sleep(0.05)


def test_its_clock_is_now(victoriametrics: str) -> None:
    with Prometheus(victoriametrics, attempts=1) as source:
        difference = source.clock() - datetime.now(timezone.utc)

    # It evaluates time() half a minute back, which would be most of the settling time.
    assert abs(difference) < timedelta(seconds=10)


def test_a_backfill_stores_what_it_holds(
    victoriametrics: str, plain_database: ScratchDatabase
) -> None:
    day = Window(START, START + timedelta(days=1))
    with Prometheus(victoriametrics, attempts=1) as source:
        backfill = Backfill(
            source, Writer(plain_database), {"gauges": GROUP}, Routing(), Policy(START)
        )
        report = backfill.run("gauges", [day], now=NOW)

    assert report.error is None
    with plain_database.connection() as connection:
        rows = connection.execute(
            """
            SELECT r.time, r.name, t.instance, r.value
            FROM internal.prometheus_remote_write r
            JOIN internal.prometheus_remote_write_tag t USING (tag_id)
            """
        ).fetchall()
    stored = {(name, instance, time): value for time, name, instance, value in rows}
    assert len(stored) == len(rows)
    for quarter in range(1, 96):
        instant, minute = START + quarter * QUARTER, 15 * quarter
        assert stored["height", "a", instant] == minute
        assert stored["height", "b", instant] == Decimal(minute) / 2
        # (t - 15 min, t]: the fifteen minutes up to t, not sixteen.
        mean = Decimal(minute - 7)
        assert stored["sum_of_averages", None, instant] == mean * Decimal("1.5")
