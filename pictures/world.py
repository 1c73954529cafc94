"""The bundled stack with its history loaded, and Dagster's UI before it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import psycopg

from promtsdb_dagster.errors import StackError
from promtsdb_dagster.localstack import LocalStack
from promtsdb_dagster.localstack.history import HistoryPlan
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.settings import ROOT, Settings

# Of its own, so that a stack of `make up` is left alone.
STATE = ROOT / ".local" / "pictures"
_PATIENCE_SECONDS = 600.0
_ASSETS = """
{
  assetNodes { assetKey { path } groupName assetMaterializations(limit: 1) { runId } }
  runsOrError(filter: {statuses: [NOT_STARTED, QUEUED, STARTING, STARTED]}) {
    ... on Runs { results { runId } }
  }
  workspaceOrError {
    ... on Workspace {
      locationEntries { locationOrLoadError { ... on PythonError { message } } }
    }
  }
}
"""
# What the history leads to by itself.
_BACKFILLS, _FILLED = ("backfill",), ("backfill", "aggregates")
_SENSOR = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "promtsdb",
    "sensorName": "history",
}
_STATE = """
query($sensor: SensorSelector!) {
  sensorOrError(sensorSelector: $sensor) { ... on Sensor { sensorState { id } } }
}
"""
_STOP = "mutation($id: String!) { stopSensor(id: $id) { __typename } }"
_START = """
mutation($sensor: SensorSelector!) { startSensor(sensorSelector: $sensor) { __typename } }
"""


@dataclass(frozen=True)
class World:
    """A running `promtsdb up`; `today` is when it was started, UTC."""

    url: str
    today: date
    log: Path
    process: subprocess.Popen[bytes]

    def execute(self, statement: str, *values: object) -> None:
        """Change something in the database, as its owner."""
        endpoints = LocalStack(STATE, ROOT).endpoints()
        if endpoints is None:
            raise StackError(f"the stack in {STATE} does not run; {self.log} says why")
        with psycopg.connect(endpoints.database_url) as connection:
            connection.execute(statement.encode(), values)

    def has(self, groups: Sequence[str]) -> bool:
        """Say whether every asset of these groups was materialized."""
        try:
            nodes = [n for n in self._assets()["assetNodes"] if n["groupName"] in groups]
        except httpx.HTTPError:
            return False
        return bool(nodes) and all(node["assetMaterializations"] for node in nodes)

    def is_idle(self) -> bool:
        """Say whether nothing runs."""
        return not self._assets()["runsOrError"]["results"]

    def hold_history(self) -> None:
        """Keep the sensor `history` from materializing anew what is shown: nothing to write."""
        state = self._ask(_STATE, sensor=_SENSOR)["sensorOrError"]["sensorState"]
        self._ask(_STOP, id=state["id"])

    def resume_history(self) -> None:
        """Let the sensor go on; safe to repeat."""
        self._ask(_START, sensor=_SENSOR)

    def wait(self, what: str, is_true: Callable[[], bool]) -> None:
        """Return as soon as something is true; raises StackError when it takes too long."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not is_true():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise StackError(
                    f"waited in vain until {what}; the last lines of {self.log} say why"
                )
            time.sleep(0.5)

    def _assets(self) -> dict[str, Any]:
        found = self._ask(_ASSETS)
        for entry in found["workspaceOrError"]["locationEntries"]:
            if message := (entry["locationOrLoadError"] or {}).get("message"):
                raise StackError(f"the definitions do not load: {message.strip()}")
        return found

    def _ask(self, query: str, **variables: object) -> dict[str, Any]:
        body = {"query": query, "variables": variables}
        answer = httpx.post(f"{self.url}/graphql", json=body, timeout=60, trust_env=False)
        found = answer.raise_for_status().json()
        if errors := found.get("errors"):
            raise StackError(f"Dagster refuses a question: {errors[0]['message']}")
        data: dict[str, Any] = found["data"]
        return data


@contextlib.contextmanager
def running_world(say: Callable[[str], None], *, keep: bool = False) -> Iterator[World]:
    """Start everything from nothing and load the history; `keep` goes on from what is there."""
    stack = LocalStack(STATE, ROOT)
    if not keep:
        _remove(stack)
    STATE.mkdir(parents=True, exist_ok=True)
    today = datetime.now(timezone.utc).date()
    port, log = free_port(), STATE / "up.log"
    own = {
        "PROMTSDB_STATE_DIR": str(STATE),
        # As old as the source's history: no partition stays empty for lack of samples.
        "BACKFILL_START": str(today - timedelta(days=int(HistoryPlan(now=0).days))),
    }
    # Other settings of whoever makes the pictures have no say in what they show.
    foreign = {name.upper() for name in Settings.model_fields} - {"PG_BINDIR"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "promtsdb_dagster.cli", "up", "--port", str(port)],
            cwd=ROOT,
            env={**{k: v for k, v in os.environ.items() if k not in foreign}, **own},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    world = World(f"http://127.0.0.1:{port}", today, log, process)
    try:
        say(f"the stack starts and loads its history; its log is {log}")
        world.wait("the history is stored", lambda: world.has(_BACKFILLS))
        world.hold_history()
        world.wait("the history is refreshed", lambda: world.has(_FILLED) and world.is_idle())
        yield world
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(120)
        if not keep:
            _remove(stack)


def _remove(stack: LocalStack) -> None:
    stack.remove()
    shutil.rmtree(STATE / "dagster", ignore_errors=True)
