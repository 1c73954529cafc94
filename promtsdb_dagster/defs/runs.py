"""What is said about runs in more than one place."""

import dagster as dg

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def busy(instance: dg.DagsterInstance) -> set[dg.AssetKey]:
    """Return the assets that a run works on, or will."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    return {key for run in runs for key in run.asset_selection or ()}


def unfinished_run(instance: dg.DagsterInstance, job: str) -> dg.DagsterRun | None:
    """Return a run of a job that is not over, or None."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job, statuses=UNFINISHED), limit=1)
    return runs[0] if runs else None


def op_name(key: dg.AssetKey) -> str:
    """Return what run configuration calls an asset."""
    return "__".join(key.path)
