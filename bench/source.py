"""A real Prometheus with a past, made once for all topics of one run."""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from bench.world import Skipped
from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.history import HistoryPlan
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.localstack.processes import stop
from promtsdb_dagster.localstack.prometheus import Prometheus

# Where the past ends; fixed, so that every run asks for the same windows.
NOW = datetime(2026, 11, 18, 6, tzinfo=timezone.utc)
# What the local stack's own history has too.
SAMPLE_SECONDS = 300
_running: dict[tuple[object, ...], Source] = {}
_open = contextlib.ExitStack()
atexit.register(_open.close)


@dataclass(frozen=True)
class Source:
    """A Prometheus that holds so many days before its end and scrapes nothing."""

    url: str
    days: float
    sample_seconds: int

    @property
    def detail(self) -> dict[str, object]:
        """Return what a result says of its source."""
        return {"source_days": self.days, "source_sample_seconds": self.sample_seconds}


def source(
    days: float,
    seed: int,
    say: Callable[[str], None],
    *,
    end: datetime = NOW + timedelta(hours=2),
    sample_seconds: int = SAMPLE_SECONDS,
) -> Source:
    """Return the Prometheus of so many days before `end`, which stops with this process.

    Raises Skipped where Prometheus or promtool is absent.
    """
    key = (days, seed, end, sample_seconds)
    if key not in _running:
        for program in ("prometheus", "promtool"):
            if find_program(program) is None:
                raise Skipped(f"{program} is not installed; `sudo apt-get install prometheus`")
        plan = HistoryPlan(
            now=int(end.timestamp()),
            days=days,
            seed=seed,
            coarse_seconds=sample_seconds,
            dense_seconds=sample_seconds,
            dense_hours=1,
        )
        started = time.monotonic()
        url = _start(plan)
        say(f"  made a Prometheus with {days:g} days in {time.monotonic() - started:.0f} s")
        _running[key] = Source(url, days, sample_seconds)
    return _running[key]


def _start(plan: HistoryPlan) -> str:
    folder = Path(tempfile.mkdtemp(prefix="promtsdb-bench-"))
    _open.callback(shutil.rmtree, folder, ignore_errors=True)
    config = folder / "empty.yml"
    config.write_text("global: {}\n", encoding="utf-8")
    server = Prometheus(folder, folder / "prometheus.log", config)
    server.prepare(plan, lambda _: None)
    port = free_port()
    process = server.start(port, {"exporter": free_port()})
    _open.callback(stop, process, server.stop_signals)
    return f"http://127.0.0.1:{port}"
