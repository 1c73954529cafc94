"""End runs that a code server left behind when it stopped."""

from __future__ import annotations

import dagster as dg
from rich.console import Console

from promtsdb_dagster.commands.home import PROCESS_TAG, open_instance

# Those that a code server has, or had, in its hands.
_LAUNCHED = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def recover(console: Console) -> None:
    """Report unfinished runs of this DAGSTER_HOME as ended; for the start of a code server."""
    with open_instance() as instance:
        ended = end_left_behind(instance)
    console.print(f"{ended} runs were left behind by a code server that stopped")


def end_left_behind(instance: dg.DagsterInstance) -> int:
    """Report runs whose code server is gone as failed, and return how many; safe to repeat.

    Dagster starts them again (run_retries). Left alone they would count as in progress for ever,
    and hold every refresh back. Runs in containers of their own outlive the code server and are
    left to run monitoring.
    """
    if not isinstance(instance.run_launcher, dg.DefaultRunLauncher):
        return 0
    left = instance.get_runs(dg.RunsFilter(statuses=_LAUNCHED))
    for run in left:
        if run.status == dg.DagsterRunStatus.CANCELING or PROCESS_TAG in run.tags:
            # What a person ended, or typed and saw end, is not to come again by itself.
            instance.report_run_canceled(run, "its process ended without a word; safe to run again")
        else:
            instance.report_run_failed(run, "the code server stopped while it ran; tried again")
    return len(left)
