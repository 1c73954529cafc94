"""Read from Dagster's own storage which runs failed, and which checks are red."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial

import dagster as dg

from promtsdb_dagster.core.shown import shortened
from promtsdb_dagster.core.storms import Failure, first_line
from promtsdb_dagster.defs.partitions import RANGE_END_TAG, RANGE_START_TAG

# A tick has a minute; what is beyond comes with the next one.
MOST_EVENTS = 200
# Of a sensor that has never looked, or that was reset.
_FIRST_LOOK = timedelta(hours=1)
# Dagster notes a failure, then whether it will try again, then, in another daemon, that it has.
_SECONDS_TO_RETRY = 60.0
_failures = partial(dg.RunStatusChangeRecordsFilter, dg.DagsterEventType.RUN_FAILURE)
_ASSET_JOB = "__ASSET_JOB"
_PARTITION_TAG = "dagster/partition"
_WILL_RETRY_TAG = "dagster/will_retry"
_RETRIED_TAG = "dagster/auto_retry_run_id"
_MOST_CHARACTERS = 400
_CRASHED = "its process ended; launch the same again, what is done is found done"


@dataclass(frozen=True)
class Seen:
    """Name the newest event that is known: its number in Dagster's storage, and its time."""

    id: int
    timestamp: float


@dataclass(frozen=True)
class Looked:
    """Hold what failed after one event, and up to which event that is known."""

    failures: Sequence[Failure]
    seen: Seen
    retried: int


@dataclass(frozen=True)
class CheckResult:
    """Hold the last result of a check."""

    passed: bool
    red: bool
    text: str
    at: datetime
    run_id: str


def failed_runs(
    instance: dg.DagsterInstance, seen: Seen | None, now: datetime, location: str | None
) -> Looked:
    """Return what failed in a code location after an event; None asks for the last hour.

    Runs without a location count, as commands make them, and those that Dagster has tried again do
    not.
    """
    seen = seen or Seen(0, (now - _FIRST_LOOK).timestamp())
    records = instance.fetch_run_status_changes(
        _after(instance, seen), limit=MOST_EVENTS, ascending=True
    ).records
    ids = list({record.run_id for record in records})
    runs = {run.run_id: run for run in instance.get_runs(dg.RunsFilter(run_ids=ids))} if ids else {}
    failures, retried = [], 0
    for record in records:
        run = runs.get(record.run_id)
        young = abs(now.timestamp() - record.timestamp) < _SECONDS_TO_RETRY
        if run and young and instance.run_retries_enabled and _may_be_retried(run):
            break
        seen = Seen(record.storage_id, record.timestamp)
        if run is None or _location(run) not in (None, location):
            continue
        if _RETRIED_TAG in run.tags:
            retried += 1
            continue
        event = record.event_log_entry.dagster_event
        at = datetime.fromtimestamp(record.timestamp, timezone.utc)
        failures.append(_failure(run, event, at))
    return Looked(failures, seen, retried)


def check_results(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey]
) -> Iterator[tuple[dg.AssetCheckKey, CheckResult]]:
    """Return the last result of each check that has one."""
    for key, record in instance.event_log_storage.get_asset_check_summary_records(keys).items():
        last = record.last_completed_check_execution_record
        evaluation = last.evaluation if last else None
        if last is None or last.event is None or evaluation is None:
            continue
        severe = evaluation.severity is dg.AssetCheckSeverity.ERROR
        yield (
            key,
            CheckResult(
                evaluation.passed,
                not evaluation.passed and severe,
                shortened(first_line(evaluation.description or ""), _MOST_CHARACTERS),
                datetime.fromtimestamp(last.event.timestamp, timezone.utc),
                last.run_id,
            ),
        )


def _after(instance: dg.DagsterInstance, seen: Seen) -> dg.RunStatusChangeRecordsFilter:
    same = instance.fetch_run_status_changes(_failures(storage_ids=[seen.id]), limit=1).records
    if same and same[0].timestamp == seen.timestamp:
        return _failures(after_storage_id=seen.id)
    # Its run was deleted, or all were wiped: SQLite gives such numbers again.
    return _failures(after_timestamp=seen.timestamp)


def _may_be_retried(run: dg.DagsterRun) -> bool:
    """Return whether Dagster has not decided yet, or not done yet what it decided."""
    return run.tags.get(_WILL_RETRY_TAG) != "false" and _RETRIED_TAG not in run.tags


def _location(run: dg.DagsterRun) -> str | None:
    origin = run.remote_job_origin
    return origin.repository_origin.code_location_origin.location_name if origin else None


def _failure(run: dg.DagsterRun, event: dg.DagsterEvent | None, at: datetime) -> Failure:
    step, kind, text = _cause(event)
    first = run.tags.get(RANGE_START_TAG) or run.tags.get(_PARTITION_TAG) or ""
    last = run.tags.get(RANGE_END_TAG) or first
    return Failure(_subject(run, step), kind, text, at, run.run_id, first, last)


def _subject(run: dg.DagsterRun, step: str) -> str:
    step = step.replace("__", "/")
    if run.job_name != _ASSET_JOB:
        return f"job {run.job_name}" + (f", {step}," if step else "")
    if step:
        return step
    keys = sorted(key.to_user_string() for key in run.asset_selection or ())
    if len(keys) > 1:
        return f"{keys[0]} and {len(keys) - 1} more"
    return keys[0] if keys else "a run of assets"


def _cause(event: dg.DagsterEvent | None) -> tuple[str, str, str]:
    """Return the step that failed, the kind of its error, and what it said."""
    data = event.job_failure_data if event and event.event_specific_data else None
    failed = data.first_step_failure_event if data else None
    if data is None or failed is None:
        reason = data.failure_reason if data else None
        said = (data.error.message if data and data.error else event.message if event else "") or ""
        return "", reason.value if reason else "run", f"{first_line(said)}; {_CRASHED}"
    step = failed.step_failure_data
    error = step.error
    # The outermost is Dagster's own.
    error = (error.cause if error else None) or error
    kind = (error.cls_name if error else None) or "Failure"
    if step.user_failure_data and step.user_failure_data.description:
        return failed.step_key or "", kind, step.user_failure_data.description
    said = first_line(error.message) if error else "it said nothing"
    return failed.step_key or "", kind, f"{said}; the traceback is in the log of the run"
