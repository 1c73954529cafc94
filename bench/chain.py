"""The predecessor's way from Prometheus to the database: vmalert's replay, Telegraf, staging."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import httpx

from bench.world import Skipped
from promtsdb_dagster.core.windows import Window, split
from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.localstack.processes import spawn, stop, wait_ready
from promtsdb_dagster.localstack.telegraf import asks_for_password
from promtsdb_dagster.localstack.vmalert import vmalert_program
from promtsdb_dagster.settings import ROOT

_CONFIG = ROOT / "docker" / "telegraf" / "telegraf.conf"
# The predecessor's larger batches and buffer, so that nothing is dropped and everything is as fast
# as it can be; and its own metrics often enough to see when it is done.
_CHANGED = {
    "metric_batch_size = 5000": "metric_batch_size = 10000",
    "metric_buffer_limit = 300000": "metric_buffer_limit = 2000000",
    "metric_buffer_limit = 50000": "metric_buffer_limit = 2000000",
    'max_body_size = "4MiB"': 'max_body_size = "500MiB"',
    'flush_interval = "1s"': 'flush_interval = "200ms"',
    'interval = "1s"\n  collect_memstats': 'interval = "200ms"\n  collect_memstats',
}
_USER, _PASSWORD = "bench", secrets.token_hex()
_COUNTER = re.compile(r'^internal_(gather|write)_metrics_(\w+)\{.*alias="(\w+)".*\} ([0-9.e+]+)$')
_PATIENCE_SECONDS = 1_800.0
_PART = timedelta(weeks=8)
_ATTEMPTS = 4


@dataclass(frozen=True)
class Programs:
    """The programs of the chain."""

    vmalert: Path
    telegraf: Path

    @classmethod
    def find(cls) -> Programs:
        """Return them; raise Skipped naming the one that is absent."""
        vmalert = vmalert_program()
        telegraf = find_program("telegraf")
        if vmalert is None or telegraf is None:
            absent = "vmalert" if vmalert is None else "Telegraf"
            raise Skipped(f"{absent} is not installed; `make tools` builds it where Go is")
        return cls(vmalert, telegraf)

    def versions(self) -> dict[str, object]:
        """Return what a result says of them."""
        return {"vmalert": _version(self.vmalert), "telegraf": _version(self.telegraf)}


@contextmanager
def running_telegraf(programs: Programs, database_url: str) -> Iterator[Telegraf]:
    """Run Telegraf on our configuration with the predecessor's sizes."""
    with tempfile.TemporaryDirectory(prefix="promtsdb-bench-") as name:
        folder = Path(name)
        text = _CONFIG.read_text(encoding="utf-8")
        for ours, theirs in _CHANGED.items():
            if ours not in text:
                raise ValueError(f"telegraf.conf has no {ours!r} any more; mend bench/chain.py")
            text = text.replace(ours, theirs)
        config = folder / "telegraf.conf"
        config.write_text(text, encoding="utf-8")
        telegraf = Telegraf(free_port(), free_port())
        process = spawn(
            [str(programs.telegraf), "--strict-env-handling", "--config", str(config)],
            folder / "telegraf.log",
            folder=folder,
            environment={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": name,
                "TELEGRAF_LISTEN": f"127.0.0.1:{telegraf.port}",
                "TELEGRAF_METRICS_LISTEN": f"127.0.0.1:{telegraf.metrics_port}",
                "TELEGRAF_USERNAME": _USER,
                "TELEGRAF_PASSWORD": _PASSWORD,
                "TELEGRAF_DATABASE_URL": database_url,
            },
        )
        try:
            wait_ready("telegraf", telegraf.listens, process, folder / "telegraf.log", 60)
            yield telegraf
        finally:
            stop(process, ((signal.SIGTERM, 30.0), (signal.SIGKILL, 5.0)))


@dataclass(frozen=True)
class Telegraf:
    """One that runs."""

    port: int
    metrics_port: int

    def listens(self) -> bool:
        """Say whether it takes samples and shows its metrics."""
        try:
            self._counters()
        except httpx.HTTPError:
            return False
        return asks_for_password(self.port)

    def wait_until_written(self) -> None:
        """Return when everything it has taken is in the database; call it when no more comes."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        before = -1.0
        while time.monotonic() < deadline:
            seen = self._counters()
            taken = seen.get("gather_gathered", 0)
            if taken and before == taken == seen.get("write_added") == seen.get("write_written"):
                return
            before = taken
            time.sleep(0.1)
        raise TimeoutError(f"Telegraf did not write all within {_PATIENCE_SECONDS:.0f} s: {seen}")

    def _counters(self) -> dict[str, float]:
        page = httpx.get(
            f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10, trust_env=False
        )
        found: dict[str, float] = {}
        for line in page.raise_for_status().text.splitlines():
            match = _COUNTER.match(line)
            if match and match[3] in ("remote_write", "internal", "cumsum"):
                key = f"{match[1]}_{match[2]}"
                found[key] = found.get(key, 0) + float(match[4])
        return found


def replay(
    programs: Programs,
    source_url: str,
    telegraf: Telegraf,
    jobs: Sequence[tuple[str, Window]],
    step: timedelta,
    *,
    hurry: bool,
) -> int:
    """Replay the rules of each group over its window: in a hurry, or with vmalert's defaults.

    Returns how often a part had to be replayed again, as vmalert had dropped some of it.
    """
    again = 0
    for group, window in jobs:
        # At its end vmalert has 30 s for what Telegraf has not taken yet, and drops the rest. A
        # year in one hurry lost 509,968 of 620,321 samples when the machine was busy.
        for part in split(window, _PART, window.start) if hurry else [window]:
            command = [str(programs.vmalert)]
            flags = _flags(programs, source_url, telegraf, group, part, step, hurry=hurry)
            command += [f"-{name}={value}" for name, value in flags.items()]
            for attempt in range(_ATTEMPTS):
                ended = subprocess.run(
                    command, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS
                )
                if ended.returncode == 0:
                    again += attempt
                    break
            else:
                raise RuntimeError(f"vmalert ended with {ended.returncode}: {ended.stderr[-2000:]}")
    return again


def _flags(
    programs: Programs,
    source_url: str,
    telegraf: Telegraf,
    group: str,
    window: Window,
    step: timedelta,
    *,
    hurry: bool,
) -> dict[str, str]:
    # Both ends count, and they may not be equal; no other instant is as near as this second.
    last = window.end - step + timedelta(seconds=1)
    flags = {
        "datasource.url": source_url,
        "rule": str(ROOT / "rules" / f"{group}.yaml"),
        "remoteWrite.url": f"http://127.0.0.1:{telegraf.port}/write",
        "remoteWrite.disablePathAppend": "true",
        "remoteWrite.basicAuth.username": _USER,
        "remoteWrite.basicAuth.password": _PASSWORD,
        "replay.timeFrom": f"{window.start:%Y-%m-%dT%H:%M:%SZ}",
        "replay.timeTo": f"{last:%Y-%m-%dT%H:%M:%SZ}",
        "replay.disableProgressBar": "true",
        "datasource.queryStep": "0s",
        "httpListenAddr": f"127.0.0.1:{free_port()}",
    }
    if hurry:
        # By default a second passes after each rule, and one query runs at a time.
        flags |= {"replay.rulesDelay": "0s", "remoteWrite.flushInterval": "1s"}
        if "ruleEvaluationConcurrency" in _help(programs.vmalert):
            flags["replay.ruleEvaluationConcurrency"] = str(os.cpu_count() or 1)
    return flags


@cache
def _help(program: Path) -> str:
    answer = subprocess.run(
        [str(program), "-help"], capture_output=True, text=True, check=False, timeout=30
    )
    return answer.stdout + answer.stderr


def _version(program: Path) -> str:
    answer = subprocess.run(
        [str(program), "--version"], capture_output=True, text=True, check=False, timeout=30
    )
    found = re.search(r"\d+\.\d+\.\d+", answer.stdout + answer.stderr)
    return found[0] if found else "unknown"
