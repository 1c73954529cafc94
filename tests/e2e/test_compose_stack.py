"""Each container of Compose as a process: with its files, command, environment and check."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.settings import ROOT
from tests.fix_postgres import running_cluster
from tests.fix_postgrest import MISSING
from tests.native import SECRETS, Native

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

FILES = ("dagster.yaml", "workspace.yaml", "webserver_health.py")
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
SHOWN = """
{ repositoryOrError(repositorySelector: {
    repositoryName: "__repository__", repositoryLocationName: "promtsdb"
  }) { ... on Repository { jobs { name } sensors { name sensorState { status } } } } }
"""
USERS = """
SELECT DISTINCT usename FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@contextmanager
def fresh(engine: str, folder: Path) -> Iterator[Native]:
    """Lend a new cluster as the container makes it, with nothing else started yet."""
    home = folder / "dagster"
    home.mkdir()
    for name in FILES:
        shutil.copy(ROOT / "docker/dagster" / name, home)
    with running_cluster(engine) as cluster:
        address = {"PGHOST": "127.0.0.1", "PGPORT": str(cluster.port)}
        # What the container runs when its volume is empty.
        subprocess.run(
            [str(ROOT / "docker/timescaledb/init.sh")],
            env=os.environ | SECRETS | address,
            check=True,
        )
        native = Native(home, cluster)
        try:
            yield native
        finally:
            for name in reversed(list(native.processes)):
                native.kill(name)


def users(native: Native) -> set[str]:
    """Return who is connected."""
    with psycopg.connect(native.cluster.url("postgres")) as connection:
        return {name for (name,) in connection.execute(USERS)}


# 1. The code location, the webserver and the daemon start in the order of Compose; each is healthy
#    by the check that Compose would run.
# 2. The webserver shows the definitions, which it has over gRPC, and the sensors run.
# 3. The job `migrate`, launched in the UI, runs in the code location's container by way of the
#    queue, and the database is at the newest version.
# 4. The runs are kept in the database `dagster`, and nobody is connected as a superuser.
# 5. Nothing was written beside the two folders that the containers may write to.
# 6. Without its code location the webserver is not healthy any more.
def test_dagster_starts_as_compose_starts_it(tmp_path: Path) -> None:
    with fresh("postgresql", tmp_path) as native:
        for name in ("dagster-code", "dagster-webserver", "dagster-daemon"):
            native.start(name)

        url = f"http://127.0.0.1:{native.port(3030)}"
        told = httpx.get(f"{url}/server_info", trust_env=False).json()
        assert told["dagster_version"]
        shown = ask(native, SHOWN)["repositoryOrError"]
        assert {"migrate", "history", "health"} <= {job["name"] for job in shown["jobs"]}
        assert {s["sensorState"]["status"] for s in shown["sensors"]} == {"RUNNING"}

        launched = ask(native, LAUNCH, job="migrate")["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        native.await_("the run has ended", lambda: succeeded(native, launched["run"]["runId"]))
        owner = native.variables("dagster-code")["DATABASE_URL"]
        with Database(owner) as metrics:
            status = Migrator(metrics, load_migrations(ROOT / "sql")).status()
        assert not status.pending

        with psycopg.connect(native.cluster.url("dagster")) as connection:
            runs = connection.execute("SELECT status FROM runs WHERE pipeline_name = 'migrate'")
            assert runs.fetchall() == [("SUCCESS",)]
        assert users(native) <= {"dagster", "promtsdb"}
        assert {each.name for each in native.home.iterdir()} <= {*FILES, "storage"}

        native.kill("dagster-code")
        native.await_("the webserver is unwell", lambda: not native.is_healthy("dagster-webserver"))


@contextmanager
def with_roles(folder: Path, *programs: str) -> Iterator[Native]:
    """Lend a stack whose steps have ended; skip where a program is missing."""
    missing = [p for p in ("migrate", *programs) if not find_program(p)]
    if missing:
        pytest.skip(f"without {', '.join(missing)}; `make tools` builds them with Go")
    if not find_program("wget"):
        pytest.skip("without wget, which the checks of the containers use; `apt-get install wget`")
    with fresh("timescaledb", folder) as native:
        assert native.is_healthy("timescaledb")
        # As they do at each `up`.
        for _ in range(2):
            native.run("migrate")
            native.run("roles")
        yield native


# 1. golang-migrate applies the migrations as the owner, and psql makes the roles of the services.
#    Both may run again.
# 2. Telegraf and vmalert start in the order of Compose and become healthy.
# 3. Nobody is connected as a superuser, and Telegraf as its own role.
def test_the_live_path_starts_as_compose_starts_it(tmp_path: Path) -> None:
    with with_roles(tmp_path, "telegraf", "vmalert") as native:
        native.start("telegraf")
        native.start("vmalert", image=("vmalert",))
        assert users(native) == {"telegraf"}


# 1. PostgREST and Caddy start in the order of Compose and become healthy.
# 2. PostgREST is connected as its own role, and names the place where the world finds it.
# 3. Without PostgREST Caddy is not healthy any more.
def test_the_api_starts_as_compose_starts_it(tmp_path: Path) -> None:
    if not find_program("postgrest"):
        pytest.skip(MISSING)
    with with_roles(tmp_path, "caddy") as native:
        native.start("postgrest")
        native.start("caddy", image=("caddy", "run", "--config", "/etc/caddy/Caddyfile"))
        assert users(native) == {"postgrest"}
        page = httpx.get(f"http://127.0.0.1:{native.port(3000)}/", trust_env=False).json()
        assert (page["schemes"], page["host"]) == (["https"], "api.example.org:443")

        native.kill("postgrest")
        native.await_("Caddy is unwell", lambda: not native.is_healthy("caddy"))


def ask(native: Native, query: str, **variables: Any) -> dict[str, Any]:
    """Return the data of a GraphQL answer."""
    url = f"http://127.0.0.1:{native.port(3030)}/graphql"
    body = {"query": query, "variables": variables}
    answer = httpx.post(url, json=body, timeout=60, trust_env=False)
    found = answer.raise_for_status().json()
    assert "errors" not in found, found["errors"]
    data: dict[str, Any] = found["data"]
    return data


def succeeded(native: Native, run: str) -> bool:
    """Say whether a run is over; fail when it failed."""
    status = ask(native, RUN, id=run)["runOrError"]["status"]
    assert status not in ("FAILURE", "CANCELED"), native.log("dagster-code").read_text()[-4000:]
    return bool(status == "SUCCESS")
