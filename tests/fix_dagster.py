"""A real `dagster dev` on the project's own workspace: webserver, code server and daemon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.settings import ROOT
from tests.fix_postgres import ScratchDatabase


@dataclass(frozen=True)
class Daemon:
    """A running `dagster dev`; `home` is where its instance lives."""

    url: str
    home: Path
    log: Path
    process: subprocess.Popen[bytes]

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the data of a GraphQL answer."""
        body = {"query": query, "variables": variables}
        answer = httpx.post(f"{self.url}/graphql", json=body, timeout=60, trust_env=False)
        found = answer.raise_for_status().json()
        assert "errors" not in found, found["errors"]
        data: dict[str, Any] = found["data"]
        return data

    def await_(self, what: str, is_true: Callable[[], bool], seconds: float = 300) -> None:
        """Return as soon as something is true, or fail with the end of the log."""
        deadline = time.monotonic() + seconds
        while not is_true():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"waited in vain until {what}:\n{self.log.read_text()[-4000:]}")
            # Not a guess at how long it takes: the loop ends when the answer is there.
            time.sleep(0.5)


@contextmanager
def running_dagster(
    folder: Path, database_url: str, source: str, **variables: str
) -> Iterator[Daemon]:
    """Run it on that database and source, with an instance of its own below `folder`."""
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").symlink_to(ROOT / "dagster.yaml")
    port, log = free_port(), folder / "dagster.log"
    environment = {
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "DAGSTER_HOME": str(home),
        "DATABASE_URL": database_url,
        "DATASOURCE_URL": source,
        "DAGSTER_PUBLIC_URL": f"http://127.0.0.1:{port}",
        **variables,
    }
    program = Path(sys.executable).with_name("dagster")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(program), "dev", "-w", "workspace.yaml", "-p", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    found = Daemon(f"http://127.0.0.1:{port}", home, log, process)
    try:
        found.await_("the UI answers", lambda: _answers(f"{found.url}/server_info"))
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def say_history_is_there(database: ScratchDatabase) -> None:
    """Note one window as done; or the sensor `history` starts all groups by itself."""
    with database.connection() as connection:
        connection.execute(
            "INSERT INTO internal.backfill_ledger (rule_group, rule, record, step, window_start, "
            "window_end, series, rows_source, rows_written, rows_present, samples_dropped) VALUES "
            "('elsewhere', 'r', 'r', '1h', '2023-05-10Z', '2023-05-11Z', 0, 0, 0, 0, 0)"
        )


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
