"""Two daemons never share a home, and a killed command leaves none behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from promtsdb_dagster.commands.lock import only_daemon
from promtsdb_dagster.errors import ConfigurationError
from promtsdb_dagster.localstack.processes import identity

# A command that starts a daemon which ignores everything it can, and waits to be killed.
COMMAND = """
import subprocess, sys
from pathlib import Path
from promtsdb_dagster.commands.lock import only_daemon

with only_daemon(Path(sys.argv[1])) as lock:
    daemon = subprocess.Popen(
        [sys.executable, "-c", "print('ready', flush=True); import time; time.sleep(600)"],
        stdout=subprocess.PIPE, start_new_session=True, pass_fds=[lock.fileno()],
    )
    daemon.stdout.readline()
    lock.remember(daemon.pid)
    print(daemon.pid, flush=True)
    sys.stdin.read()
"""


def test_the_second_is_told_who_is_first(tmp_path: Path) -> None:
    with only_daemon(tmp_path) as lock:
        with (
            pytest.raises(ConfigurationError, match="runs a Dagster daemon"),
            only_daemon(tmp_path),
        ):
            pass
        lock.remember(url="http://127.0.0.1:3030")
        with (
            pytest.raises(ConfigurationError, match=r"with the UI on http://127.0.0.1:3030, "),
            only_daemon(tmp_path),
        ):
            pass
    with only_daemon(tmp_path):
        pass


def test_a_daemon_whose_command_was_killed_is_ended(tmp_path: Path) -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with command:
        assert command.stdout is not None
        daemon = int(command.stdout.readline())
        with pytest.raises(ConfigurationError), only_daemon(tmp_path):
            pass
        command.kill()
        command.wait(30)
    assert identity(daemon)
    with only_daemon(tmp_path):
        assert identity(daemon) is None
