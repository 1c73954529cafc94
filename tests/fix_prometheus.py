"""Fixtures: a real Prometheus that holds twelve days of the sample network and gets no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.adapters.rulefiles import load_groups, load_routing
from promtsdb_dagster.adapters.writer import Writer
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.windows import Window, floor
from promtsdb_dagster.localstack import prometheus as localstack
from promtsdb_dagster.localstack.history import HistoryPlan
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.localstack.processes import stop
from promtsdb_dagster.settings import ROOT
from tests.fix_postgres import ScratchDatabase

# When the history ends; fixed, so that every run asks for the same windows.
NOW = datetime(2026, 11, 20, 10, 30, 20, tzinfo=timezone.utc)
DAY = timedelta(days=1)
MIDNIGHT = floor(NOW, DAY)
GROUPS = load_groups(ROOT / "rules")
ROUTING = load_routing(ROOT / "rules")


@dataclass(frozen=True)
class History:
    """The source of the tests, and the windows that it has something for."""

    url: str
    source: Prometheus

    def days(self, group: str) -> list[Window]:
        """Return daily partitions that the group may fetch, oldest first."""
        first, last = {
            "backfill_forever": (-10, 1),
            "backfill_1y": (-10, -7),
            "backfill_1w": (-7, 0),
            "live": (0, 1),
        }[group]
        return [Window(MIDNIGHT + n * DAY, MIDNIGHT + (n + 1) * DAY) for n in range(first, last)]

    def backfill(self, database: ScratchDatabase, **policy: object) -> Backfill:
        """Return a backfill of the shipped rules from this source."""
        limits = Policy(history_start=MIDNIGHT - 20 * DAY, **policy)  # type: ignore[arg-type]
        return Backfill(self.source, Writer(database), GROUPS, ROUTING, limits)


@contextmanager
def running_prometheus(folder: Path, plan: HistoryPlan | None = None) -> Iterator[str]:
    """Run a Prometheus that scrapes nothing, and lend its URL.

    Without a plan it holds the blocks that are in `tsdb/data` below the folder.
    """
    config = folder / "empty.yml"
    config.write_text("global: {}\n")
    server = localstack.Prometheus(folder, folder / "prometheus.log", config)
    if plan:
        server.prepare(plan, lambda _: None)
    port = free_port()
    who = server.start(port, {"exporter": free_port()})
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(who, server.stop_signals)


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """Run a Prometheus with a past and no present."""
    plan = HistoryPlan(now=int(NOW.timestamp()), days=12)
    with (
        running_prometheus(tmp_path_factory.mktemp("history"), plan) as url,
        Prometheus(url, attempts=3) as source,
    ):
        yield History(url, source)
