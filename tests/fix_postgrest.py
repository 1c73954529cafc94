"""Fixture: PostgREST on the shipped configuration, logged in as the role of production."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.localstack.processes import spawn, stop, wait_ready
from promtsdb_dagster.settings import ROOT
from tests.fix_postgres import Cluster
from tests.fix_telegraf import as_role, make_service_roles

CONFIGURATION = ROOT / "docker" / "postgrest" / "postgrest.conf"
SECRET = "a secret for tests, which nobody else shall use"
AUDIENCE = "promtsdb"
MISSING = "PostgREST is not there; put `postgrest`, 12 or newer, on the PATH"
_READY_SECONDS = 60.0
_STOP_SIGNALS = ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0))


def token(role: str = "writer", key: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """Return a token that is right but for what is given; a claim of None is left out."""
    expires = datetime.now(timezone.utc) + timedelta(hours=1)
    given = {"role": role, "aud": AUDIENCE, "exp": expires, **claims}
    return jwt.encode(
        {name: value for name, value in given.items() if value is not None}, key, algorithm
    )


def bearer(text: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {text}"}


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], ready: str, log: Path
) -> Iterator[None]:
    """Run a service, from when its page `ready` answers at all until the block ends."""

    def answers() -> bool:
        try:
            return httpx.get(ready, timeout=5, trust_env=False).status_code != 503
        except httpx.TransportError:
            return False

    given = {"PATH": os.environ["PATH"], "HOME": str(log.parent), **environment}
    service = spawn(command, log, folder=log.parent, environment=given)
    try:
        wait_ready(Path(command[0]).name, answers, service, log, _READY_SECONDS)
        yield
    finally:
        stop(service, _STOP_SIGNALS)


@dataclass(frozen=True)
class Rest:
    """A running PostgREST; `database_url` is the owner's."""

    url: str
    admin_url: str
    database_url: str
    log: Path

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Send one GET."""
        return httpx.get(self.url + path, timeout=60, trust_env=False, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        """Send one POST."""
        return httpx.post(self.url + path, timeout=60, trust_env=False, **options)

    def owner(self) -> psycopg.Connection:
        """Return an autocommit connection of the owner."""
        return psycopg.connect(self.database_url, autocommit=True)


@contextmanager
def running_postgrest(url: str, folder: Path) -> Iterator[Rest]:
    """Serve one migrated database; skips where the program is missing."""
    program = find_program("postgrest")
    if program is None:
        pytest.skip(MISSING)
    make_service_roles(url)
    port, admin, log = free_port(), free_port(), folder / "postgrest.log"
    environment = {
        "POSTGREST_DATABASE_URL": as_role(url, "postgrest", "p"),
        "JWT_SECRET": SECRET,
        "PGRST_SERVER_PORT": str(port),
        "PGRST_ADMIN_SERVER_PORT": str(admin),
    }
    rest = Rest(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}", url, log)
    with running([str(program), str(CONFIGURATION)], environment, f"{rest.admin_url}/ready", log):
        yield rest


@pytest.fixture(scope="module")
def rest(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """Lend PostgREST over a database of its own to all tests of a module."""
    url = plain_cluster.migrated_url()
    try:
        with running_postgrest(url, tmp_path_factory.mktemp("postgrest")) as found:
            yield found
    finally:
        plain_cluster.drop(url)


def pytest_report_header() -> str:
    """Say whether PostgREST runs."""
    found = find_program("postgrest")
    if found is None:
        return f"postgrest: skipped, {MISSING}"
    told = subprocess.run([str(found), "--version"], capture_output=True, text=True)
    return f"postgrest: {told.stdout.strip()}, {found}"
