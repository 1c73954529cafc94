"""vmalert's replay as a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from promtsdb_dagster.adapters.replay import LONGEST_SECONDS, ReplayCommand, ReplaySetup
from promtsdb_dagster.core.replaying import Ending, Job
from promtsdb_dagster.errors import ConfigurationError

# Its own releases call it vmalert-prod, Debian vmalert.
PROGRAMS = ("vmalert", "vmalert-prod")
_LOG_BYTES = 8_192


class ProcessReplayer:
    """Start vmalert for each job and wait for its end."""

    def __init__(
        self, command: ReplayCommand, program: Path, *, longest_seconds: float = LONGEST_SECONDS
    ) -> None:
        self._command = command
        self._program = program
        self._longest = longest_seconds

    def replay(self, job: Job) -> Ending:
        """Replay a job to its end, at most `longest_seconds`. Safe to repeat.

        Raises ConfigurationError when the program does not start.
        """
        with tempfile.TemporaryDirectory(prefix="promtsdb-replay-") as name:
            folder = Path(name)
            for file, text in self._command.files(job).items():
                (folder / file).write_text(text, encoding="utf-8")
            log = folder / "vmalert.log"
            how, good = self._run([str(self._program), *self._command.arguments(job, name)], log)
            return Ending(how, good, self._command.last_words(_end_of(log)))

    def _run(self, command: list[str], log: Path) -> tuple[str, bool]:
        with log.open("wb") as output:
            try:
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=log.parent,
                    # Nothing of ours: it may not see the URL of the database.
                    env=self._command.environment(),
                )
            except OSError as error:
                raise ConfigurationError(
                    f"vmalert does not start: {error}, wanted a program that replays; check "
                    "VMALERT_PROGRAM, or run `make tools`"
                ) from error
            try:
                status = child.wait(self._longest)
            except subprocess.TimeoutExpired:
                return f"was ended after {self._longest:.0f} s", False
            finally:
                if child.poll() is None:
                    child.kill()
                    child.wait()
        if status < 0:
            return f"was ended by signal {-status}", False
        return f"ended with status {status}", status == 0


def find_vmalert(setup: ReplaySetup) -> Path:
    """Return the program to replay with; raise ConfigurationError when there is none."""
    if setup.program is not None:
        return setup.program
    paths = [str(setup.tools)] if setup.tools else []
    path = os.pathsep.join([*paths, *os.get_exec_path()])
    for name in PROGRAMS:
        if found := shutil.which(name, path=path):
            return Path(found)
    raise ConfigurationError(
        f"no {' or '.join(PROGRAMS)} is found in {setup.tools} or on the PATH, wanted one for "
        "`writer: replay`; run `make tools`, install the package victoria-metrics, name one in "
        "VMALERT_PROGRAM, or let a container do it (REPLAY_IMAGE)"
    )


def _end_of(log: Path) -> str:
    with log.open("rb") as file:
        begin = max(0, log.stat().st_size - _LOG_BYTES)
        file.seek(begin)
        if begin:
            # Half of a line may begin with half of a secret, which nobody would find.
            file.readline()
        return file.read().decode(errors="replace")
