"""Start what runs by the clock, or say why not."""

from datetime import timedelta

import dagster as dg

from promtsdb_dagster.defs.housekeeping import HOUSEKEEPING_JOB, TAGS_JOB
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reasons import Everywhere, Schedules, moment
from promtsdb_dagster.defs.reporting import counted
from promtsdb_dagster.defs.runs import UNFINISHED
from promtsdb_dagster.defs.ticks import About, about, why
from promtsdb_dagster.errors import PromtsdbError

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def housekeeping_schedules() -> list[dg.ScheduleDefinition]:
    """Return the schedules of housekeeping."""
    return [
        # Neither at a full hour nor at a midnight, when everybody's schedules start.
        job_schedule(
            HOUSEKEEPING_JOB.name,
            "17 * * * *",
            _HOUR,
            about(
                "Keeps the database in shape, every hour.",
                starts="the job `housekeeping`: newest buckets, expired rows, old notes",
                when_off="on PostgreSQL without TimescaleDB nothing expires; on both engines what "
                "policies missed is not noted",
            ),
        ),
        job_schedule(
            TAGS_JOB.name,
            "41 3 * * *",
            _DAY,
            about(
                "Looks once a day for tags that no row refers to.",
                starts="the job `tidy_tags`",
                when_off="tags of series that are gone stay for ever",
            ),
        ),
    ]


def job_schedule(job: str, cron: str, every: timedelta, told: About) -> dg.ScheduleDefinition:
    """Return the schedule of the job of that name, which asks for a migrated database."""

    @dg.schedule(
        name=job,
        job_name=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        **told,
    )
    def tick(
        context: dg.ScheduleEvaluationContext, project: dg.ResourceParam[Project]
    ) -> dg.RunRequest | dg.SkipReason:
        return start_when_ready(context, project, job, every)

    return tick


def start_when_ready(
    context: dg.ScheduleEvaluationContext, project: Project, job: str, every: timedelta
) -> dg.RunRequest | dg.SkipReason:
    """Start a job, unless it works still or the database cannot be used yet."""
    if reason := still_running(context, job, every):
        return reason
    try:
        problem = not_ready(project)
    except PromtsdbError as error:
        problem = str(error)
    if problem:
        return Everywhere.PROBLEM(problem=problem, again=next_tick(context, every))
    return started(context, job, "the database can be reached and is migrated")


def still_running(
    context: dg.ScheduleEvaluationContext, job: str, every: timedelta
) -> dg.SkipReason | None:
    """Return why a job is not started beside itself, or None."""
    records = context.instance.get_run_records(
        dg.RunsFilter(job_name=job, statuses=UNFINISHED), limit=1
    )
    if not records:
        return None
    record = records[0]
    return Schedules.RUNNING(
        run=record.dagster_run.run_id,
        job=job,
        since=record.create_timestamp,
        again=next_tick(context, every),
    )


def started(context: dg.ScheduleEvaluationContext, job: str, because: str) -> dg.RunRequest:
    """Return the request of a job, and say it."""
    told = f"by schedule at {moment(context.scheduled_execution_time)}: {because}"
    context.log.info(f"starts the job {job}, {told}")
    return dg.RunRequest(tags=why(told))


def next_tick(context: dg.ScheduleEvaluationContext, every: timedelta) -> str:
    """Return when the schedule looks again."""
    return f"at {moment(context.scheduled_execution_time + every)}"


def not_ready(project: Project) -> str | None:
    """Return why the database cannot be used yet, or None."""
    status = project.migrator().status()
    pending = len(status.pending)
    if not pending:
        return status.too_new
    return f"{counted(pending, 'migration')} not applied, wanted all; materialize group migrations"
