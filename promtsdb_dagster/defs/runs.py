"""What is said about runs in more than one place."""

import dagster as dg

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def busy_runs(instance: dg.DagsterInstance) -> dict[dg.AssetKey, list[str]]:
    """Return the runs that work on each asset, or will, as people read them."""
    found: dict[dg.AssetKey, list[str]] = {}
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        for key in run.asset_selection or ():
            told = f"run {run.run_id[:8]} of {key.to_user_string()}, {run.status.value.lower()}"
            found.setdefault(key, []).append(told)
    return found


def op_name(key: dg.AssetKey) -> str:
    """Return what run configuration calls an asset."""
    return "__".join(key.path)
