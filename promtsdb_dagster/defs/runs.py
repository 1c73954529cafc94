"""What is said about runs in more than one place."""

import dagster as dg

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def op_name(key: dg.AssetKey) -> str:
    """Return what run configuration calls an asset."""
    return "__".join(key.path)
