"""One Dagster daemon for one DAGSTER_HOME: two would start everything twice."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from promtsdb_dagster.errors import ConfigurationError
from promtsdb_dagster.localstack.processes import Identity, alive, identity

_SECONDS_TO_END = 20.0
_POLL_SECONDS = 0.1


class DaemonLock:
    """Hold the right to run the daemon, until this process and the daemon have both ended."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def fileno(self) -> int:
        """Return the descriptor that the daemon must inherit, so that it holds the lock too."""
        return self._file.fileno()

    def remember(self, daemon: int | None = None, url: str | None = None) -> None:
        """Write down who holds it, and where his UI is."""
        holders = {"command": os.getpid(), "daemon": daemon}
        known = {name: identity(pid) for name, pid in holders.items() if pid}
        self._file.seek(0)
        self._file.truncate()
        told = {name: [who.pid, who.started] for name, who in known.items() if who}
        json.dump({**told, "url": url}, self._file)
        self._file.flush()


@contextmanager
def only_daemon(home: Path) -> Iterator[DaemonLock]:
    """Lend the lock of this home; a daemon whose command was killed is ended first.

    Raises ConfigurationError while another command runs a daemon there.
    """
    with (home / "daemon.lock").open("a+", encoding="utf-8") as file:
        if not _take(file):
            holders, url = _read(file)
            command, daemon = holders.get("command"), holders.get("daemon")
            if daemon is None or (command and alive(command)):
                who = f"process {command.pid}" if command else "another process"
                shown = f", with the UI on {url}" if url else ""
                end = f"`kill {command.pid}`" if command else "ending it"
                raise ConfigurationError(
                    f"{who} runs a Dagster daemon for {home} already{shown}, wanted one at a time; "
                    f"use that one, or stop it by Ctrl-C or {end}"
                )
            _end_orphan(daemon, file)
        lock = DaemonLock(file)
        lock.remember()
        yield lock


def _take(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(file: IO[str]) -> tuple[dict[str, Identity], str | None]:
    file.seek(0)
    try:
        told = json.load(file)
        url = told.pop("url", None)
        return {name: Identity(*who) for name, who in told.items()}, url
    except (ValueError, TypeError, AttributeError):
        return {}, None


def _end_orphan(daemon: Identity, file: IO[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        # It leads a group of its own: the code server and the runs end with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(daemon.pid, number)
        deadline = time.monotonic() + _SECONDS_TO_END
        while time.monotonic() < deadline:
            if not alive(daemon) and _take(file):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(daemon.pid, signal.SIGKILL)
                return
            time.sleep(_POLL_SECONDS)
    raise ConfigurationError(
        f"the Dagster daemon {daemon.pid} of a killed command does not end; end it by hand"
    )
