"""A real Prometheus with a past, made once for all topics of one run."""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from bench.world import Bench, Skipped
from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.history import HistoryPlan
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.localstack.processes import stop
from promtsdb_dagster.localstack.prometheus import Prometheus

# The default BACKFILL_START.
FIRST_DAY = date(2023, 5, 10)
# What the local stack's own history has too.
_SAMPLE_SECONDS = 300
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


def this_morning() -> datetime:
    """Return today's midnight, UTC: runs of Dagster ask the real clock what is history."""
    return datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)


def past(bench: Bench) -> Source:
    """Return the Prometheus of this size, whose past ends today and which stops with this process.

    Raises Skipped where Prometheus or promtool is absent.
    """
    end = this_morning()
    days = bench.size.pick(quick=35, full=(end.date() - FIRST_DAY).days + 7)
    key = (days, bench.seed, end)
    if key not in _running:
        for program in ("prometheus", "promtool"):
            if find_program(program) is None:
                raise Skipped(f"{program} is not installed; `sudo apt-get install prometheus`")
        plan = HistoryPlan(
            # Beyond what is asked for, so that no window ends where samples do.
            now=int((end + timedelta(hours=8)).timestamp()),
            days=days,
            seed=bench.seed,
            coarse_seconds=_SAMPLE_SECONDS,
            dense_seconds=_SAMPLE_SECONDS,
            dense_hours=1,
        )
        started = time.monotonic()
        url = _start(plan)
        bench.say(f"  made a Prometheus with {days} days in {time.monotonic() - started:.0f} s")
        _running[key] = Source(url, days, _SAMPLE_SECONDS)
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
