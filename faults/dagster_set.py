"""Dagster's own processes as they run in production: a code server and a daemon, each to be killed.

The code location works in the try's database, with an instance of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg

from faults.postgres import children_of
from faults.waiting import until
from faults.world import World
from promtsdb_dagster.commands.home import write_settings
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.settings import ROOT

_LAUNCHED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
_WORKSPACE = str(ROOT / "docker" / "dagster" / "workspace.yaml")


class DagsterSet:
    """A code server, whose children are the runs, and a daemon; both write to one log."""

    def __init__(self, world: World, home: Path) -> None:
        """Write the settings of an instance; nothing runs yet."""
        self.log = home / "processes.log"
        self._home = home
        write_settings(home)
        self._port = free_port()
        self._code: subprocess.Popen[bytes] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "DAGSTER_HOME": str(home),
            "DAGSTER_CODE_HOST": "127.0.0.1",
            "DAGSTER_CODE_PORT": str(self._port),
            # As commands.home sets it.
            "DAGSTER_EVENT_BATCH_SIZE": "500",
            "DATABASE_URL": world.database_url,
            "DATASOURCE_URL": world.prometheus.url,
            "BACKFILL_START": f"{world.times.start:%Y-%m-%d}",
        }

    def start_code(self) -> None:
        """Start the code server as its container does, and what reports what was left behind."""
        recover = [sys.executable, "-m", "promtsdb_dagster.cli", "recover"]
        with self.log.open("ab") as log:
            subprocess.run(
                [*recover, "--when-serving", f"127.0.0.1:{self._port}"],
                env=self._environment,
                cwd=ROOT,
                check=True,
                stdout=log,
                stderr=log,
            )
        server = ["api", "grpc", "-h", "127.0.0.1", "-p", str(self._port)]
        self._code = self._started("dagster", [*server, "-m", "promtsdb_dagster.definitions"])

    def start_daemon(self) -> None:
        """Start the daemon."""
        self._daemon = self._started("dagster-daemon", ["run", "-w", _WORKSPACE])

    def kill_daemon(self) -> None:
        """Kill the daemon; runs go on."""
        _kill(self._daemon)

    def kill_all(self) -> None:
        """Kill the daemon, the code server and every run."""
        for process in (self._daemon, self._code):
            _kill(process)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Lend the instance, to look at it."""
        with dg.DagsterInstance.from_config(str(self._home)) as instance:
            yield instance

    def unfinished(self) -> int:
        """Return how many runs wait or work."""
        with self.instance() as instance:
            return sum(not run.is_finished for run in instance.get_runs())

    def launched(self) -> int:
        """Return how many runs work."""
        with self.instance() as instance:
            return len(instance.get_runs(dg.RunsFilter(statuses=_LAUNCHED)))

    def _started(self, program: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(Path(sys.executable).with_name(program)), *arguments],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


@contextmanager
def dagster_set(world: World) -> Iterator[DagsterSet]:
    """Lend a set that runs; nothing of it is left at the end."""
    # Dagster reads it wherever an instance is opened.
    with TemporaryDirectory(dir=world.folder) as folder:
        os.environ["DAGSTER_HOME"] = folder
        found = DagsterSet(world, Path(folder))
        try:
            found.start_code()
            found.start_daemon()
            yield found
        finally:
            found.kill_all()
            del os.environ["DAGSTER_HOME"]


def _kill(process: subprocess.Popen[bytes] | None) -> None:
    """Kill a process and all that it started; safe to repeat."""
    if process is None or process.poll() is not None:
        return
    # Nobody may start another one meanwhile.
    os.kill(process.pid, signal.SIGSTOP)
    family = [process.pid]
    for pid in family:
        with suppress(OSError):
            family += children_of(pid)
    for pid in family:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family[1:]), 20, "all are gone")
