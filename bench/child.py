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
from datetime import date, timedelta
from pathlib import Path

from bench.source import FIRST_DAY, Source, this_morning
from promtsdb_dagster.commands.home import write_settings
from promtsdb_dagster.settings import ROOT


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


def start_of(weeks: int) -> date:
    """Return the Wednesday so many weeks ago, or the default start of history if that is later."""
    today = this_morning().date()
    wednesday = today - timedelta(days=(today - FIRST_DAY).days % 7)
    return max(FIRST_DAY, wednesday - timedelta(weeks=weeks))


def one_run(url: str, past: Source, asset: str, since: date, history_start: date) -> Ran:
    """Run one asset from a day on, up to now, in a new process."""
    home = Path(tempfile.mkdtemp(prefix="promtsdb-bench-"))
    try:
        write_settings(home)
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
