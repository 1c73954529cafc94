"""Fixtures: the real Telegraf on the shipped configuration, logged in as the role of production."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from promtsdb_dagster.localstack.binaries import find_postgres, find_program
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.localstack.processes import Identity, alive, spawn, stop, wait_ready
from promtsdb_dagster.settings import ROOT, load_settings
from tests.fix_postgres import ScratchDatabase
from tests.remote_write import Series, encoded

CONFIG = ROOT / "docker" / "telegraf" / "telegraf.conf"
ROLES = ROOT / "docker" / "timescaledb" / "roles.sql"
USERNAME, PASSWORD = "promtsdb", "remote write of the tests"
OUTPUTS = ("internal", "cumsum")
# Also its last words to the database, when there is one.
STOP_SIGNALS = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 5.0))
_READY_SECONDS = 30.0
_COUNTER = re.compile(r"^(\w+)\{(.*)\} ([0-9.e+]+)$")


def wait_until(
    ready: Callable[[], bool], what: str, seconds: float = 60.0, log: Path | None = None
) -> None:
    """Return when `ready()`; fail the test when it never is."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            words = log.read_text(errors="replace")[-3000:] if log else ""
            pytest.fail(f"not within {seconds:.0f} s: {what}\n{words}")
        # Not a guess at how long it takes: the loop ends with the condition.
        time.sleep(0.05)


class Telegraf:
    """One Telegraf that can be started, stopped and killed; its ports stay the same."""

    def __init__(self, folder: Path, program: Path, database_url: str) -> None:
        """Choose ports; nothing runs before `start`."""
        self.log = folder / "telegraf.log"
        self.port, self.metrics_port = free_port(), free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TELEGRAF_LISTEN": f"127.0.0.1:{self.port}",
            "TELEGRAF_METRICS_LISTEN": f"127.0.0.1:{self.metrics_port}",
            "TELEGRAF_PASSWORD": PASSWORD,
            "TELEGRAF_DATABASE_URL": database_url,
        }
        self._command = [str(program), "--strict-env-handling", "--config", str(CONFIG)]
        self._process: Identity | None = None
        self._client = httpx.Client(trust_env=False, timeout=30)

    @property
    def url(self) -> str:
        """Return where to remote-write to."""
        return f"http://127.0.0.1:{self.port}/write"

    @property
    def metrics_url(self) -> str:
        """Return the page with its own metrics."""
        return f"http://127.0.0.1:{self.metrics_port}/metrics"

    def start(self) -> None:
        """Start it and wait until it takes samples; it need not reach the database."""
        self._process = spawn(
            self._command, self.log, folder=self.log.parent, environment=self.environment
        )
        wait_ready("telegraf", self.listens, self._process, self.log, _READY_SECONDS)

    def stop(self) -> None:
        """Stop it in order: what is in its buffer is written first, if it can be."""
        self._end(STOP_SIGNALS)

    def kill(self) -> None:
        """Kill it: what is in its buffer is lost."""
        self._end(((signal.SIGKILL, 10.0),))

    def close(self) -> None:
        """Stop it and let go of its connections."""
        self.stop()
        self._client.close()

    def running(self) -> bool:
        """Say whether the process is there."""
        return self._process is not None and alive(self._process)

    def listens(self) -> bool:
        """Say whether it takes requests and shows its metrics."""
        try:
            self._client.get(self.metrics_url).raise_for_status()
            return self._client.get(self.url).status_code == httpx.codes.UNAUTHORIZED
        except httpx.HTTPError:
            return False

    def post(
        self,
        body: bytes,
        *,
        auth: tuple[str, str] | None = (USERNAME, PASSWORD),
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """Send a body as it is and return the status of the answer."""
        content = {"Content-Encoding": "snappy", **(headers or {})}
        return self._client.post(self.url, content=body, auth=auth, headers=content).status_code

    def send(self, series: Iterable[Series]) -> None:
        """Send series and fail the test unless they are taken."""
        assert self.post(encoded(series)) == httpx.codes.NO_CONTENT

    def counters(self) -> Counter[str]:
        """Return what it says of its listener and outputs, as `gathered`, `internal.added`, ..."""
        found: Counter[str] = Counter()
        for line in self._client.get(self.metrics_url).raise_for_status().text.splitlines():
            if not (match := _COUNTER.match(line)):
                continue
            name, labels, value = match.groups()
            if name == "internal_gather_metrics_gathered" and 'alias="remote_write"' in labels:
                found["gathered"] = int(float(value))
            for output in OUTPUTS:
                if name.startswith("internal_write_") and f'alias="{output}"' in labels:
                    what = name.removeprefix("internal_write_").removeprefix("metrics_")
                    found[f"{output}.{what}"] = int(float(value))
        return found

    def wait_until_flushed(self, samples: int, seconds: float = 60.0) -> None:
        """Return when all of `samples`, counted since its start, are written or dropped.

        Those that are not numbers never count: the parser leaves them out. Nor do those that the
        processor drops, for which `samples` has to be less than was sent.
        """

        def done() -> bool:
            seen = self.counters()
            added = sum(seen[f"{each}.added"] for each in OUTPUTS)
            gone = sum(
                seen[f"{each}.{end}"]
                for each in OUTPUTS
                for end in ("written", "dropped", "rejected")
            )
            return added >= samples and gone == added

        wait_until(done, f"Telegraf has {samples} samples and no more to write", seconds, self.log)

    def _end(self, signals: tuple[tuple[signal.Signals, float], ...]) -> None:
        if self._process is not None:
            stop(self._process, signals)
            self._process = None


def psql_program() -> str:
    """Find the client of the server that the tests run, or skip and say how to get it."""
    beside = find_postgres(load_settings().pg_bindir).folder / "psql"
    if found := beside if beside.exists() else find_program("psql"):
        return str(found)
    pytest.skip("psql is not there; `sudo apt-get install postgresql-client` has it")


def make_service_roles(database_url: str, telegraf: str = "t", postgrest: str = "p") -> None:
    """Run docker/timescaledb/roles.sql with these passwords; fail the test if it fails."""
    environment = {
        **os.environ,
        "TELEGRAF_DB_PASSWORD": telegraf,
        "POSTGREST_DB_PASSWORD": postgrest,
    }
    command = [psql_program(), "--no-psqlrc", database_url, "-f", str(ROLES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Nothing but errors is worth a line; a password would be the worst of them.
    assert done.stdout + done.stderr == ""


def as_role(url: str, role: str, password: str) -> str:
    """Return the URL with which a role logs in to the same database."""
    return re.sub("//[^@]*@", f"//{role}:{password}@", url)


@pytest.fixture(scope="session")
def telegraf_program() -> Path:
    """Find Telegraf, or skip and say how to get it."""
    if found := find_program("telegraf"):
        return found
    pytest.skip("Telegraf is not there; `make tools` builds it where Go is installed")


@contextmanager
def running_telegraf(program: Path, database: ScratchDatabase, folder: Path) -> Iterator[Telegraf]:
    """Run Telegraf on a migrated database of a server that trusts everybody."""
    make_service_roles(database.url)
    service = Telegraf(folder, program, as_role(database.url, "telegraf", "t"))
    try:
        service.start()
        yield service
    finally:
        service.close()


@pytest.fixture
def telegraf(
    telegraf_program: Path, database: ScratchDatabase, tmp_path: Path
) -> Iterator[Telegraf]:
    """Run Telegraf on a migrated database of each engine in turn."""
    with running_telegraf(telegraf_program, database, tmp_path) as service:
        yield service


@pytest.fixture
def plain_telegraf(
    telegraf_program: Path, plain_database: ScratchDatabase, tmp_path: Path
) -> Iterator[Telegraf]:
    """Run Telegraf on a migrated database without TimescaleDB."""
    with running_telegraf(telegraf_program, plain_database, tmp_path) as service:
        yield service
