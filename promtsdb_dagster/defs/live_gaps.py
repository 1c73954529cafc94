"""Have live rows that are missing brought."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import dagster as dg

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.gaps import Gap, LiveState
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.checks_live import REPAIRS
from promtsdb_dagster.defs.checks_rows import FRESH
from promtsdb_dagster.defs.groups import Group
from promtsdb_dagster.defs.partitions import DAY
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reasons import CheckLiveRows, Everywhere, LiveGaps, Tables, moment, some
from promtsdb_dagster.defs.reporting import counted
from promtsdb_dagster.defs.runs import busy_runs, op_name
from promtsdb_dagster.defs.schedules import next_tick, started, still_running
from promtsdb_dagster.defs.ticks import WHY_TAG, about, in_seconds, why
from promtsdb_dagster.errors import PromtsdbError

CHECK_JOB = "check_live_rows"
_SECONDS = 30
_EVERY = timedelta(minutes=10)
# Newest days first; a run a day.
_MOST_DAYS = 7


def check_schedule(live: Group) -> dg.ScheduleDefinition:
    """Return the schedule of the comparison, which brings its job."""

    @dg.schedule(
        name=CHECK_JOB,
        job=dg.define_asset_job(
            CHECK_JOB,
            selection=dg.AssetSelection.checks(FRESH, dg.AssetCheckKey(live.key, "no_gaps")),
            description=(
                "Look how old the newest live rows are, compare them with the source, and remember "
                "what is missing."
            ),
        ),
        cron_schedule="*/10 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        **about(
            "Compares live rows with the source every ten minutes, once there are any.",
            starts=f"the job `{CHECK_JOB}`; the sensor `{REPAIRS}` acts on what it finds",
            when_off="nobody notices live rows that are missing, and nothing brings them",
        ),
    )
    def check_live_rows(
        context: dg.ScheduleEvaluationContext,
        project: dg.ResourceParam[Project],
    ) -> dg.RunRequest | dg.SkipReason:
        if reason := still_running(context, CHECK_JOB, _EVERY):
            return reason
        again = next_tick(context, _EVERY)
        try:
            if not project.inventory().is_migrated():
                return Tables.NO_TABLES(again=again)
            live_since = project.live_rows().live_state().live_since
        except PromtsdbError as error:
            return Everywhere.PROBLEM(problem=error, again=again)
        if not live_since:
            return CheckLiveRows.NO_LIVE_ROW(again=again)
        return started(context, CHECK_JOB, f"live rows since {moment(min(live_since.values()))}")

    return check_live_rows


def live_gaps_sensor(live: Group) -> dg.SensorDefinition:
    """Return the sensor that starts the repairs; the refreshes follow by automation."""

    @dg.sensor(
        name=REPAIRS,
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        asset_selection=dg.AssetSelection.assets(live.key),
        **about(
            "Reads what the check `no_gaps` found missing. Each finding is asked for once; what "
            "stays missing after six comparisons gets a turn in one hour of every six.",
            starts="`backfill_live`, a run a day, for exactly the minutes and rules that miss rows",
            when_off="live rows that are missing stay missing; materialize `backfill_live` over "
            "their days with `recheck: true`",
        ),
    )
    def live_gaps(
        context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            if not project.inventory().is_migrated():
                return Tables.NO_TABLES(again=in_seconds(_SECONDS))
            state = project.live_rows().live_state()
            now = project.now()
        except PromtsdbError as error:
            return Everywhere.PROBLEM(problem=error, again=in_seconds(_SECONDS))
        gaps = [gap for gap in state.gaps if gap.missing]
        due = [gap for gap in gaps if gap.is_due]
        if not due:
            return _nothing_due(state, gaps, now)
        days = _by_day(due, live, now)
        newest = sorted(days, reverse=True)[:_MOST_DAYS]
        if not newest:
            return LiveGaps.OUTSIDE(**_facts(due))
        keys = [live.grid.key(day) for day in newest]
        if runs := busy_runs(context.instance).get(live.key):
            return LiveGaps.BUSY(runs=some(runs), days=some(keys), **_facts(due))
        asked: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
        requests = [_request(live, day, days[day]) for day in newest]
        fresh = [request for request in requests if str(request.run_key) not in asked]
        known = {
            str(request.run_key): asked.get(str(request.run_key), now.isoformat())
            for request in requests
        }
        if not fresh:
            at = datetime.fromisoformat(max(known.values()))
            return LiveGaps.ASKED(asked=at, days=some(keys), **_facts(due))
        for request in fresh:
            context.log.info(f"backfill_live of {request.partition_key}: {request.tags[WHY_TAG]}")
        return dg.SensorResult(fresh, cursor=json.dumps(known))

    return live_gaps


def _nothing_due(state: LiveState, gaps: Sequence[Gap], now: datetime) -> dg.SkipReason:
    if not gaps and not state.checked_until:
        return LiveGaps.NOTHING_COMPARED()
    if not gaps:
        return LiveGaps.NOTHING_MISSING(until=min(state.checked_until.values()))
    turns = min(gap.turns_to_wait for gap in gaps)
    return LiveGaps.TRIED_OFTEN(
        attempts=max(gap.attempts for gap in gaps),
        comparisons=turns,
        until=w.floor(now, _EVERY) + turns * _EVERY,
        **_facts(gaps),
    )


def _facts(gaps: Sequence[Gap]) -> dict[str, object]:
    hours = [gap.hour for gap in gaps]
    missing = w.merge(window for gap in gaps for window in gap.missing)
    rules = len({gap.record for gap in gaps})
    told = f"{counted(sum(map(_size, missing)), 'minute')} of {counted(rules, 'rule')}"
    return {"gaps": told, "first": min(hours), "last": max(hours)}


def _by_day(gaps: Iterable[Gap], live: Group, now: datetime) -> dict[datetime, list[Gap]]:
    days: dict[datetime, list[Gap]] = {}
    for gap in gaps:
        day = w.floor(gap.hour, DAY)
        if live.grid.start <= day < live.grid.end(now):
            days.setdefault(day, []).append(gap)
    return days


def _request(live: Group, day: datetime, gaps: Iterable[Gap]) -> dg.RunRequest:
    known = list(gaps)
    windows = w.merge(window for gap in known for window in gap.missing)
    only = [f"{window.start.isoformat()}/{window.end.isoformat()}" for window in windows]
    # One rule that cannot be repaired must not keep the others from it.
    records = sorted({gap.record for gap in known})
    # Another finding is another request; the same one is asked for once for each comparison.
    found = "; ".join(f"{gap.record}@{gap.hour} {gap.attempts} {gap.noted_at}" for gap in known)
    digest = hashlib.sha256(found.encode()).hexdigest()[:24]
    config = {"only": only, "records": records, "recheck": True}
    return dg.RunRequest(
        run_key=f"{REPAIRS}:{live.grid.key(day)}:{digest}",
        asset_selection=[live.key],
        partition_key=live.grid.key(day),
        run_config={"ops": {op_name(live.key): {"config": config}}},
        tags={
            f"promtsdb/{REPAIRS}": counted(sum(map(_size, windows)), "minute"),
            **why(f"{_facts(known)['gaps']} miss rows that the source has: {some(records)}"),
        },
    )


def _size(window: Window) -> int:
    return int(window.duration.total_seconds()) // 60
