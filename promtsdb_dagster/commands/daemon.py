"""Start Dagster's own processes and stop them again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from promtsdb_dagster.commands.lock import DaemonLock
from promtsdb_dagster.errors import ConfigurationError, StackError
from promtsdb_dagster.localstack.signals import deaf_to_signals
from promtsdb_dagster.settings import ROOT, load_settings

_SECONDS_TO_STOP = 30.0


@contextmanager
def running(
    arguments: Sequence[str], lock: DaemonLock, log: Path, url: str | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of Dagster's programs in the project's folder until the block ends.

    What it and its children say goes to the log; they end with it. `url` is where its UI is.
    """
    program = Path(sys.executable).with_name(arguments[0])
    if not program.exists():
        raise ConfigurationError(
            f"{program} does not exist, wanted Dagster's {arguments[0]}; run scripts/setup"
        )
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(program), *arguments[1:]],
            cwd=ROOT,
            env=_environment(url),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C reaches this command only, which then ends the others in order.
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
        lock.remember(process.pid, url)
        try:
            yield process
        finally:
            with deaf_to_signals():
                stop(process)


def _environment(url: str | None) -> dict[str, str]:
    """Return ours, and where the UI is, unless people reach it elsewhere."""
    links = load_settings().dagster_public_url or url
    return {**os.environ, **({"DAGSTER_PUBLIC_URL": links} if links else {})}


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started; safe to repeat."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if process.poll() is not None:
            break
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_STOP / 2)
    # The session it leads may hold a code server or a run that did not hear of it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        raise StackError(f"process {process.pid} does not end; end it by hand") from None
