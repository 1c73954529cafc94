"""Do each minute what refresh policies do, and check that policies, theirs or ours, keep up."""

import time

import dagster as dg

from promtsdb_dagster.core.policies import Upkeep, problems
from promtsdb_dagster.defs.housekeeping import RECENT_BUCKETS, refreshed_sentence
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reasons import Everywhere, RecentBuckets
from promtsdb_dagster.defs.reporting import counted, failures_explained
from promtsdb_dagster.defs.schedules import not_ready
from promtsdb_dagster.defs.ticks import about, in_seconds
from promtsdb_dagster.errors import PromtsdbError

# In the minute after which Dagster gives up a sensor: one for the tags, six for the newest buckets,
# twice the time for missed hours, and the one that was begun last.
_SECONDS_A_STATEMENT = 5.0
_SECONDS = 60


def recent_buckets_sensor() -> dg.SensorDefinition:
    """Return the sensor that does each minute what a refresh policy does."""

    @dg.sensor(
        name="recent_buckets",
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        asset_selection=dg.AssetSelection.assets(RECENT_BUCKETS),
        **about(
            "Refreshes the last hour of every aggregate on PostgreSQL without TimescaleDB, in the "
            "tick itself: a run costs seconds of a core, this milliseconds. Brings back retired "
            "tags that new rows refer to.",
            starts="nothing; it does its work in the tick",
            when_off="on PostgreSQL without TimescaleDB the newest buckets come with the hourly "
            "job `housekeeping` only",
        ),
    )
    def recent_buckets(
        context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
    ) -> dg.SkipReason:
        started = time.monotonic()
        try:
            if problem := not_ready(project):
                return Everywhere.PROBLEM(problem=problem, again=in_seconds(_SECONDS))
            restored = project.unused_tags().restore(at_most_seconds=_SECONDS_A_STATEMENT)
            report = project.housekeeping().refresh_recent(at_most_seconds=_SECONDS_A_STATEMENT)
        except PromtsdbError as error:
            return Everywhere.PROBLEM(problem=error, again=in_seconds(_SECONDS))
        told = f"; {counted(restored, 'retired tag')} brought back" if restored else ""
        if restored is None:
            told = "; retired tags were in use, tried again"
        if report.engine == "timescaledb":
            return RecentBuckets.BY_POLICY(tags=told)
        seconds = f"{time.monotonic() - started:.2f}"
        return RecentBuckets.DONE(done=refreshed_sentence(report), seconds=seconds, tags=told)

    return recent_buckets


def policies_check() -> dg.AssetChecksDefinition:
    """Return the check that what refreshes, compresses and drops has kept up."""

    @dg.asset_check(
        asset=RECENT_BUCKETS,
        name="policies_healthy",
        description=(
            "The newest buckets keep up with the newest rows, old chunks are compressed, expired "
            "ones are gone, no change waits for its refresh: judged by what was done, and on "
            "TimescaleDB by its jobs too, where their reports can be trusted. When it fails: do "
            "what it says of each job; what was missed is made up for by itself."
        ),
    )
    def policies_healthy(project: dg.ResourceParam[Project]) -> dg.AssetCheckResult:
        with failures_explained():
            now = project.now()
            upkeep = project.policies().upkeep(now)
        found = problems(upkeep, now)
        return dg.AssetCheckResult(
            passed=not found,
            description="; ".join(found) or "everything has kept up",
            metadata={
                "engine": upkeep.engine,
                "problems": found,
                "jobs": len(upkeep.jobs),
                "false_alarms": _false_alarms(upkeep),
            },
        )

    return policies_healthy


def _false_alarms(upkeep: Upkeep) -> str:
    count = sum(job.is_false_alarm for job in upkeep.jobs)
    if not count:
        return "none"
    return (
        f"{counted(count, 'job')} reported as failed by an error of this pair of PostgreSQL and "
        "TimescaleDB, after the work was committed"
    )
