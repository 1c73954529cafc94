"""Start `bench.one_run` as a command would run: a process, a DAGSTER_HOME, and the two URLs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from bench.source import Source, source
from bench.world import Bench
from promtsdb_dagster.settings import ROOT

# So that weeks are those of the default BACKFILL_START.
_FIRST_WEEK = date(2023, 5, 10)
_SAMPLE_SECONDS = 1_800


@dataclass(frozen=True)
class Ran:
    """What one run took; `seconds` is the whole process, its start included."""

    seconds: float
    load_seconds: float
    run_seconds: float
    engine_seconds: float
    partitions: int
    rows: int
    most_mb: float


def this_morning() -> datetime:
    """Return today's midnight, UTC: runs ask the real clock what is history."""
    return datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)


def whole_history(bench: Bench, days: int) -> Source:
    """Return a source whose past ends today."""
    return source(days, bench.seed, bench.say, end=this_morning(), sample_seconds=_SAMPLE_SECONDS)


def start_of(weeks: int) -> date:
    """Return the Wednesday so many weeks ago, or the default start of history if that is later."""
    today = this_morning().date()
    wednesday = today - timedelta(days=(today - _FIRST_WEEK).days % 7)
    return max(_FIRST_WEEK, wednesday - timedelta(weeks=weeks))


def one_run(url: str, past: Source, asset: str, since: date, history_start: date) -> Ran:
    """Run one asset from a day on, up to now, in a new process."""
    home = Path(tempfile.mkdtemp(prefix="promtsdb-bench-"))
    try:
        shutil.copyfile(ROOT / "dagster.yaml", home / "dagster.yaml")
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "DAGSTER_HOME": str(home),
            # As commands.home sets it.
            "DAGSTER_EVENT_BATCH_SIZE": "500",
            "DATABASE_URL": url,
            "DATASOURCE_URL": past.url,
            "BACKFILL_START": f"{history_start}",
        }
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "bench.one_run", asset, f"{since}", f"{date.max:%Y-%m-%d}"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - started
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if done.returncode != 0:
        raise RuntimeError(f"a run of {asset} failed: {(done.stdout + done.stderr)[-3000:]}")
    return Ran(seconds, **json.loads(done.stdout.splitlines()[-1]))
