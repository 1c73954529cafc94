"""Run assets in this process, recorded like any other run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from promtsdb_dagster.commands.home import PROCESS_TAG
from promtsdb_dagster.defs.dry_running import WOULD_FAIL
from promtsdb_dagster.defs.runs import op_name


@dataclass(frozen=True)
class Outcome:
    """Hold how a run ended; `failure` is empty when it succeeded, and nothing would fail."""

    run_id: str
    failure: str
    materializations: tuple[dg.AssetMaterialization, ...]
    observations: tuple[dg.AssetObservation, ...] = ()


def materialize(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    assets: Sequence[dg.AssetKey],
    *,
    tags: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Outcome:
    """Materialize assets in one run; `config` goes to each of them."""
    job = definitions.resolve_implicit_global_asset_job_def()
    ops = {op_name(key): {"config": dict(config)} for key in assets} if config else {}
    return _outcome(
        job.execute_in_process(
            instance=instance,
            asset_selection=list(assets),
            tags=_tags(tags),
            run_config={"ops": ops, "loggers": {"plain": {}}},
            raise_on_error=False,
        )
    )


def run_job(definitions: dg.Definitions, instance: dg.DagsterInstance, name: str) -> Outcome:
    """Run one job as its button would."""
    job = definitions.resolve_job_def(name)
    return _outcome(
        job.execute_in_process(
            instance=instance,
            tags=_tags(None),
            run_config={"loggers": {"plain": {}}},
            raise_on_error=False,
        )
    )


def _tags(tags: Mapping[str, str] | None) -> dict[str, str]:
    return {**(tags or {}), PROCESS_TAG: str(os.getpid())}


def _outcome(result: dg.ExecuteInProcessResult) -> Outcome:
    observations = tuple(
        event.asset_observation_data.asset_observation
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_OBSERVATION
    )
    return Outcome(
        result.run_id,
        _foretold(observations) if result.success else failure_text(result.all_events),
        tuple(
            event.materialization
            for event in result.all_events
            if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
        ),
        observations,
    )


def _foretold(observations: Iterable[dg.AssetObservation]) -> str:
    """Return what a dry run says that a run would fail with."""
    found = (observation.metadata.get(WOULD_FAIL) for observation in observations)
    return "; ".join(f"a run would fail: {value.value}" for value in found if value)


def failure_text(events: Sequence[dg.DagsterEvent]) -> str:
    """Return what the first failed step says of itself, without a trace."""
    for event in events:
        if event.event_type != dg.DagsterEventType.STEP_FAILURE:
            continue
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return data.user_failure_data.description
        if data.error:
            # Of a check that blocks, the step says no more than its name.
            return _said_by_check(events, event.step_key) or _cause(data.error)
    return "the run failed without a failed step; its page in Dagster has the whole log"


def _said_by_check(events: Sequence[dg.DagsterEvent], step: str | None) -> str:
    for event in events:
        if event.step_key == step and (
            event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ):
            return event.asset_check_evaluation_data.description or ""
    return ""


def _cause(error: SerializableErrorInfo) -> str:
    return (error.cause or error).message.strip()
