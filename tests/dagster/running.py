"""Run assets of the definitions in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg


def run_assets(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: Sequence[dg.AssetKey],
    *,
    tags: Mapping[str, str] | None = None,
    partition_key: str | None = None,
    config: Mapping[str, Any] | None = None,
) -> dg.ExecuteInProcessResult:
    """Materialize assets as one run; a failure is returned, not raised."""
    job = definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance,
        asset_selection=list(keys),
        tags=dict(tags or {}),
        partition_key=partition_key,
        run_config={"loggers": {"plain": {}}, **(config or {})},
        raise_on_error=False,
    )
