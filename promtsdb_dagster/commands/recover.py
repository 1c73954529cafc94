"""End runs that a code server left behind when it stopped."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import datetime, timezone

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.client import DagsterGrpcClient
from rich.console import Console

from promtsdb_dagster.commands.home import PROCESS_TAG, open_instance
from promtsdb_dagster.errors import InputError, StackError
from promtsdb_dagster.settings import ROOT

# Those that a code server has, or had, in its hands.
_LAUNCHED = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


_SECONDS_TO_SERVE = 600.0


def recover(console: Console, began: int | None = None, serving: str | None = None) -> None:
    """Report unfinished runs of this DAGSTER_HOME as ended; for the start of a code server.

    Only those that changed last up to the second in which it `began` (unix time), and once the
    code server at `serving` (host:port) answers: Dagster starts a failed run again at once or
    never. Raises StackError when it does not within ten minutes. Without `began` that is left to a
    process that goes on, once the storage is there: who starts next finds it made.
    """
    if serving and began is None:
        began = int(time.time())
        with open_instance():
            command = [sys.executable, "-m", "promtsdb_dagster.cli", "recover"]
            subprocess.Popen([*command, f"--began={began}", f"--when-serving={serving}"], cwd=ROOT)
        return
    if serving:
        _await(serving)
    # No code server starts a run within a second.
    before = datetime.fromtimestamp(began + 1, timezone.utc) if began else None
    with open_instance() as instance:
        ended = end_left_behind(instance, before)
    console.print(f"{ended} runs were left behind by a code server that stopped")


def end_left_behind(instance: dg.DagsterInstance, before: datetime | None = None) -> int:
    """Report runs whose code server is gone as failed, and return how many; safe to repeat.

    Dagster starts them again (run_retries). Left alone they would count as in progress for ever,
    and hold every refresh back. With `before` only those that changed last before it, and not what
    the new code server has begun meanwhile. Runs in containers of their own outlive the code server
    and are left to run monitoring.
    """
    if not isinstance(instance.run_launcher, dg.DefaultRunLauncher):
        return 0
    left = instance.get_runs(dg.RunsFilter(statuses=_LAUNCHED, updated_before=before))
    for run in left:
        if run.status == dg.DagsterRunStatus.CANCELING or PROCESS_TAG in run.tags:
            # What a person ended, or typed and saw end, is not to come again by itself.
            instance.report_run_canceled(run, "its process ended without a word; safe to run again")
        else:
            instance.report_run_failed(run, "the code server stopped while it ran; tried again")
    return len(left)


def _await(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"{address!r} is no address, wanted host:port, as in localhost:4000")
    client = DagsterGrpcClient(host=host, port=int(port))
    deadline = time.monotonic() + _SECONDS_TO_SERVE
    while not _answers(client):
        if time.monotonic() > deadline:
            raise StackError(
                f"the code server at {address} did not answer within {_SECONDS_TO_SERVE:.0f} s, so "
                "runs that the one before left behind count as running; look at its log, then "
                "run `promtsdb recover`"
            )
        time.sleep(0.5)


def _answers(client: DagsterGrpcClient) -> bool:
    try:
        client.ping("")
    except DagsterUserCodeUnreachableError:
        return False
    return True
