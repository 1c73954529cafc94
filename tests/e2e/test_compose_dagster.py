"""Dagster's three processes as Compose starts them, with its files, commands and checks."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.settings import ROOT
from tests.compose import environment, resolved, services, words
from tests.fix_postgres import Cluster, running_cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

FILES = ("dagster.yaml", "workspace.yaml", "webserver_health.py")
SECRETS = {
    "OWNER_PASSWORD": "owner",
    "DAGSTER_DB_PASSWORD": "dagster",
    "TELEGRAF_PASSWORD": "remote-write",
    "DATASOURCE_URL": "http://127.0.0.1:9",
}
LAUNCH = """
mutation Launch($job: String!) {
  launchRun(executionParams: {
    selector: {
      jobName: $job, repositoryName: "__repository__", repositoryLocationName: "promtsdb"
    }
    runConfigData: {}
  }) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
RUN = """
query Run($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }
"""
JOBS = """
{ repositoryOrError(repositorySelector: {
    repositoryName: "__repository__", repositoryLocationName: "promtsdb"
  }) { ... on Repository { jobs { name } sensors { name sensorState { status } } } } }
"""


@dataclass
class Native:
    """The containers of Compose as processes on this machine."""

    home: Path
    cluster: Cluster
    code_port: int = field(default_factory=free_port)
    web_port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Return the webserver's address."""
        return f"http://127.0.0.1:{self.web_port}"

    def here(self, text: str) -> str:
        """Return what Compose says of containers as what it is on this machine."""
        text = resolved(text, SECRETS)
        for container, native in {
            "timescaledb:5432": f"127.0.0.1:{self.cluster.port}",
            "/dagster/": f"{self.home}/",
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - inside containers only
            "4000": str(self.code_port),
            "3030": str(self.web_port),
        }.items():
            text = text.replace(container, native)
        return text

    def variables(self, name: str) -> dict[str, str]:
        """Return the environment of a container."""
        found = {
            key: self.here(value)
            for key, value in environment(services()[name]).items()
            if value is not None
        }
        found.update(DAGSTER_DB_HOST="127.0.0.1", DAGSTER_DB_PORT=str(self.cluster.port))
        if "DAGSTER_CODE_HOST" in found:
            found["DAGSTER_CODE_HOST"] = "127.0.0.1"
        # The rest is what the image sets.
        programs = Path(sys.executable).parent
        return {
            **found,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_WEBSERVER_PORT": str(self.web_port),
        }

    def start(self, name: str) -> None:
        """Start one service and wait until its own health check passes."""
        command = [self.here(word) for word in words(services()[name], "command")]
        with self.log(name).open("ab") as output:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.variables(name),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.await_(f"{name} is healthy", lambda: self.is_healthy(name), seconds=120)

    def is_healthy(self, name: str) -> bool:
        """Say what the service's own check says."""
        check = [self.here(word) for word in words(services()[name], "healthcheck")]
        told = subprocess.run(
            check, cwd=ROOT, env=self.variables(name), capture_output=True, check=False, timeout=60
        )
        return told.returncode == 0

    def kill(self, name: str) -> None:
        """End a service and all that it started, as the end of a container does."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the data of a GraphQL answer."""
        body = {"query": query, "variables": variables}
        answer = httpx.post(f"{self.url}/graphql", json=body, timeout=60, trust_env=False)
        found = answer.raise_for_status().json()
        assert "errors" not in found, found["errors"]
        data: dict[str, Any] = found["data"]
        return data

    def await_(self, what: str, is_true: Callable[[], bool], seconds: float = 120) -> None:
        """Return as soon as something is true, or fail with the ends of the logs."""
        deadline = time.monotonic() + seconds
        while not is_true():
            dead = [name for name, each in self.processes.items() if each.poll() is not None]
            if dead or time.monotonic() > deadline:
                logs = {name: self.log(name).read_text()[-3000:] for name in self.processes}
                pytest.fail(f"waited in vain until {what} (ended: {dead}):\n{logs}")
            # Not a guess at how long it takes: the loop ends when the answer is there.
            time.sleep(0.2)

    def log(self, name: str) -> Path:
        """Return where a service writes."""
        return self.home.parent / f"{name}.log"


@pytest.fixture
def native(tmp_path: Path) -> Iterator[Native]:
    """A new cluster as the container makes it; nothing else started yet."""
    home = tmp_path / "dagster"
    home.mkdir()
    for name in FILES:
        shutil.copy(ROOT / "docker/dagster" / name, home)
    with running_cluster("postgresql") as cluster:
        # What the container runs on a new cluster.
        subprocess.run(
            [str(ROOT / "docker/timescaledb/init.sh")],
            env={
                **(os.environ | SECRETS),
                "PGHOST": "127.0.0.1",
                "PGPORT": str(cluster.port),
            },
            check=True,
        )
        found = Native(home, cluster)
        try:
            yield found
        finally:
            for name in reversed(list(found.processes)):
                found.kill(name)


# 1. The code location, the webserver and the daemon start in the order of Compose; each is healthy
#    by the check that Compose would run.
# 2. The webserver shows the definitions, which it has over gRPC, and the sensors run.
# 3. The job `migrate`, launched in the UI, runs in the code location's container by way of the
#    queue, and the database is at the newest version.
# 4. The runs are kept in the database `dagster`, and nobody is connected as a superuser.
# 5. Without its code location the webserver is not healthy any more.
def test_the_three_processes_work_together(native: Native) -> None:
    for name in ("dagster-code", "dagster-webserver", "dagster-daemon"):
        native.start(name)

    assert httpx.get(f"{native.url}/server_info", trust_env=False).json()["dagster_version"]
    shown = native.ask(JOBS)["repositoryOrError"]
    assert {"migrate", "history", "health"} <= {job["name"] for job in shown["jobs"]}
    assert {s["sensorState"]["status"] for s in shown["sensors"]} == {"RUNNING"}

    launched = native.ask(LAUNCH, job="migrate")["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    native.await_("the run has ended", lambda: _status(native, launched["run"]["runId"]) != "")
    with Database(
        native.here("postgresql://promtsdb:${OWNER_PASSWORD}@timescaledb:5432/metrics")
    ) as metrics:
        status = Migrator(metrics, load_migrations(ROOT / "sql")).status()
    assert not status.pending

    with psycopg.connect(native.cluster.url("dagster")) as connection:
        runs = connection.execute("SELECT status FROM runs WHERE pipeline_name = 'migrate'")
        assert runs.fetchall() == [("SUCCESS",)]
        users = connection.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        assert {name for (name,) in users} <= {"dagster", "promtsdb"}

    native.kill("dagster-code")
    native.await_("the webserver is unwell", lambda: not native.is_healthy("dagster-webserver"))


def _status(native: Native, run: str) -> str:
    """Return how a run has ended, empty while it has not."""
    status: str = native.ask(RUN, id=run)["runOrError"]["status"]
    assert status not in ("FAILURE", "CANCELED"), native.log("dagster-code").read_text()[-4000:]
    return status if status == "SUCCESS" else ""
