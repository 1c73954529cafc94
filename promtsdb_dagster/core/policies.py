"""Judge whether what keeps the database in shape has kept up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from promtsdb_dagster.core.migrations import Engine
from promtsdb_dagster.core.windows import Window

REFRESH, COMPRESSION, RETENTION, ROLL_UP = (
    "policy_refresh_continuous_aggregate",
    "policy_compression",
    "policy_retention",
    "refresh_rollups",
)
_MADE_BY = {
    REFRESH: "019_refresh_policies",
    COMPRESSION: "018_storage_policies",
    RETENTION: "018_storage_policies",
    ROLL_UP: "044_refresh_rollups",
}
# A job that failed waits up to five of its intervals for its next run.
_INTERVALS = 6
_LATE = timedelta(minutes=10)
# The window in which buckets are compared; younger ones may still be on their way.
LOOK_BACK, SETTLED = timedelta(hours=1), timedelta(minutes=10)
# PostgreSQL's releases of November 2026 refuse the last step of every job of TimescaleDB 2.27,
# after the work was committed.
_FALSE_ALARM = ("24000", "cannot drop portal")
# A person's or a sensor's refresh of the same buckets was first; the job comes back by itself.
_GAVE_WAY = ("55P03", "due to a concurrent refresh")


@dataclass(frozen=True)
class Job:
    """Hold one job of TimescaleDB; `failed` and the error are what it says of the last run."""

    kind: str
    target: str
    id: int
    scheduled: bool
    every: timedelta
    started_at: datetime | None = None
    failed: bool = False
    error_code: str | None = None
    error: str | None = None

    @property
    def is_false_alarm(self) -> bool:
        """Return whether the last run did its work and only its report failed."""
        return self._failed_with(_FALSE_ALARM)

    @property
    def gave_way(self) -> bool:
        """Return whether the last run found another refresh at the same buckets."""
        return self._failed_with(_GAVE_WAY)

    def _failed_with(self, known: tuple[str, str]) -> bool:
        code, words = known
        return self.failed and self.error_code == code and words in (self.error or "")


@dataclass(frozen=True)
class Bucket:
    """Hold the newest bucket that the rows ask for, and the newest one that is stored."""

    aggregate: str
    wanted: datetime | None
    stored: datetime | None

    @property
    def is_behind(self) -> bool:
        """Return whether the stored bucket is older."""
        if self.wanted is None:
            return False
        return self.stored is None or self.stored < self.wanted


@dataclass(frozen=True)
class Change:
    """Hold what was noted for an aggregate over an hour ago and was not refreshed."""

    aggregate: str
    count: int
    window: Window


@dataclass(frozen=True)
class Upkeep:
    """Hold what is known of the upkeep of one database."""

    engine: Engine
    buckets: Sequence[Bucket] = ()
    changes: Sequence[Change] = ()
    # TimescaleDB only.
    jobs: Sequence[Job] = ()
    uncompressed_chunks: int = 0
    expired_chunks: int = 0
    # PostgreSQL alone only.
    refreshed_to: datetime | None = None
    expired_rows: bool = False
    aggregates: Sequence[str] = field(default=())


def problems(upkeep: Upkeep, now: datetime) -> list[str]:
    """Return what is not as it should be, each with what to do about it; empty: all is well."""
    by_engine = _of_timescaledb if upkeep.engine == "timescaledb" else _of_postgresql
    return [*by_engine(upkeep, now), *_of_changes(upkeep.changes)]


def _of_timescaledb(upkeep: Upkeep, now: datetime) -> list[str]:
    found = []
    jobs = {(job.kind, job.target): job for job in upkeep.jobs}
    for kind, target in _wanted_jobs(upkeep.aggregates):
        job = jobs.get((kind, target))
        found += _of_job(job, now) if job else [_missing(kind, target)]
    for bucket in upkeep.buckets:
        if bucket.is_behind:
            job = jobs.get((REFRESH, bucket.aggregate))
            found.append(f"{_behind(bucket)}; {_why(job)}")
    if upkeep.uncompressed_chunks:
        found.append(
            f"{upkeep.uncompressed_chunks} chunks are older than 9 days and not compressed, wanted "
            "none; run CALL public.run_job(<id>) for the jobs policy_compression and see its error"
        )
    if upkeep.expired_chunks:
        found.append(
            f"{upkeep.expired_chunks} chunks of internal.prometheus_remote_write are older than a "
            "year, wanted none; run CALL public.run_job(<id>) for the job policy_retention and "
            "see its error"
        )
    return found


def _wanted_jobs(aggregates: Sequence[str]) -> list[tuple[str, str]]:
    return [
        (RETENTION, "internal.prometheus_remote_write"),
        (COMPRESSION, "internal.prometheus_remote_write"),
        (COMPRESSION, "cumsum.prometheus_remote_write"),
        *((REFRESH, name) for name in aggregates),
        (ROLL_UP, "internal.refresh_rollups"),
    ]


def _missing(kind: str, target: str) -> str:
    return (
        f"there is no {kind} on {target}; somebody removed it: run its statement in "
        f"sql/migrations/{_MADE_BY[kind]}.up.sql again"
    )


def _of_job(job: Job, now: datetime) -> list[str]:
    name = f"job {job.id} ({job.kind} on {job.target})"
    if not job.scheduled:
        return [f"{name} is switched off; SELECT public.alter_job({job.id}, scheduled => true)"]
    found = []
    # One that has never run may be new; what it should have done is looked at on its own.
    if job.started_at and job.started_at < now - _INTERVALS * job.every - _LATE:
        found.append(
            f"{name} last ran {job.started_at:%Y-%m-%d %H:%M} UTC, wanted every {job.every}; look "
            "in the server's log for background workers: timescaledb.max_background_workers and "
            "max_worker_processes may be too few, or the database is in restoring mode"
        )
    if job.failed and not job.is_false_alarm and not job.gave_way:
        found.append(f"{name} failed: {_error(job)}; remove the cause, it is tried again by itself")
    return found


def _of_postgresql(upkeep: Upkeep, now: datetime) -> list[str]:
    found = [
        f"{_behind(bucket)}; switch on the sensor recent_buckets, or materialize recent_buckets"
        for bucket in upkeep.buckets
        if bucket.is_behind
    ]
    if upkeep.refreshed_to and upkeep.refreshed_to < now - _LATE:
        found.append(
            f"the newest buckets were refreshed up to {upkeep.refreshed_to:%Y-%m-%d %H:%M} UTC, "
            "wanted a minute ago; see that the Dagster daemon runs and the sensor recent_buckets "
            "is on; what was missed is made up for by itself"
        )
    if upkeep.expired_rows:
        found.append(
            "internal.prometheus_remote_write has rows older than a year and a day, wanted none; "
            "switch on the schedule housekeeping, or materialize expired_rows"
        )
    return found


def _of_changes(changes: Sequence[Change]) -> list[str]:
    return [
        f"{change.count} changes of {change.aggregate} between {change.window} wait for a refresh "
        "since over an hour; look at its last run and at the sensors automation and late_changes, "
        f"or run make refresh FROM={change.window.start:%Y-%m-%d} "
        f"TO={change.window.end + timedelta(days=1):%Y-%m-%d}"
        for change in changes
    ]


def _behind(bucket: Bucket) -> str:
    stored = f"{bucket.stored:%H:%M} UTC" if bucket.stored else "none of the last hour"
    return (
        f"the newest bucket of {bucket.aggregate} is {stored}, its rows ask for "
        f"{bucket.wanted:%H:%M} UTC"
    )


def _why(job: Job | None) -> str:
    if job is None:
        return "no policy refreshes it"
    said = f" and see what it says; its last run said {_error(job)}" if job.failed else ""
    return f"run CALL public.run_job({job.id}){said}"


def _error(job: Job) -> str:
    return f"{job.error_code or 'no code'} {job.error or 'without a message'}"
