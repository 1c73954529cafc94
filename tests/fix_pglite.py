"""Fixture: PostgreSQL with TimescaleDB as WebAssembly, which needs Node and no server."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from promtsdb_dagster.adapters.database import Connection
from promtsdb_dagster.localstack.ports import free_port
from tests.fix_postgres import ScratchDatabase

_SOURCE = Path(__file__).parent / "pglite"
_HOME = Path(__file__).resolve().parents[1] / ".local" / "pglite"
_START_SECONDS = 60


class OneConnection(ScratchDatabase):
    """Lend the same connection again and again: this engine serves one session."""

    _only: Connection | None = None

    @contextmanager
    def connection(self, *, autocommit: bool = False) -> Iterator[Connection]:
        """Lend the connection; see Database.connection."""
        if self._only is None:
            # Named statements of an earlier client would still be there.
            self._only = psycopg.connect(self.url, autocommit=True, prepare_threshold=None)
            self._only.execute("SET timezone TO 'UTC'")
        if autocommit:
            yield self._only
        else:
            with self._only.transaction():
                yield self._only

    def close(self) -> None:
        """Hang up; safe to repeat."""
        if self._only is not None:
            self._only.close()


def missing() -> str | None:
    """Return why this engine cannot run, or None."""
    absent = [name for name in ("node", "npm") if shutil.which(name) is None]
    return f"{' and '.join(absent)} not found; install Node.js >= 18" if absent else None


def install() -> str | None:
    """Install the pinned packages once; return why that did not work, or None."""
    _HOME.mkdir(parents=True, exist_ok=True)
    with (_HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.copy(_SOURCE / "server.mjs", _HOME)
        wanted = (_SOURCE / "package.json").read_text()
        stamp = _HOME / "installed.json"
        if stamp.exists() and stamp.read_text() == wanted:
            return None
        (_HOME / "package.json").write_text(wanted)
        done = subprocess.run(
            ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"],
            cwd=_HOME, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            return f"npm install failed: {done.stderr.strip()[-500:]}"
        stamp.write_text(wanted)
        return None


@pytest.fixture
def pglite(tmp_path: Path) -> Iterator[OneConnection]:
    """Lend an empty database in memory; it speaks everything but COPY."""
    if why := missing() or install():
        pytest.skip(f"WebAssembly engine: {why}")
    port, log = free_port(), tmp_path / "pglite.log"
    with log.open("w") as sink:
        server = subprocess.Popen(
            ["node", "server.mjs", str(port)], cwd=_HOME, stdout=sink, stderr=sink
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while "ready" not in log.read_text():
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the WebAssembly engine did not start:\n{log.read_text()}")
            time.sleep(0.05)
        url = f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres?sslmode=disable"
        with OneConnection(url) as database:
            yield database
    finally:
        server.terminate()
        server.wait(timeout=_START_SECONDS)


def pytest_report_header() -> str:
    """Say whether the WebAssembly engine runs."""
    why = missing()
    return f"engine timescaledb in WebAssembly: {'skipped, ' + why if why else 'by Node'}"
