"""Start the backfill of all groups, once on an empty database and whenever a person asks."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

import dagster as dg
from pydantic import Field

from promtsdb_dagster.defs.groups import Group
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reasons import Everywhere, History, moment
from promtsdb_dagster.defs.reporting import counted, failures_explained
from promtsdb_dagster.defs.runs import UNFINISHED, op_name
from promtsdb_dagster.defs.ticks import about, in_seconds, why
from promtsdb_dagster.errors import MigrationError, PromtsdbError, UnknownVersion

JOB = "history"
# All runs of one start carry the same value.
TAG = "promtsdb/history"
_OP = "request_history"
_SECONDS = 10
# After the first live rows; those of other metrics come within the same minutes.
_HAND_OVER_AFTER = timedelta(minutes=3)
# Until what was open before the live rows is closed; each try waits twice as long as the last.
_HAND_OVER_TRIES = 8


class HistoryConfig(dg.Config):
    """What a person may choose in the launchpad."""

    recheck: bool = Field(
        default=False, description="Fetch and compare again what the ledger holds as done."
    )


@dataclass(frozen=True)
class _Seen:
    """Hold what the sensor has acted on already."""

    request: int = 0
    requested_at: str = ""
    database: str = ""
    live: str = ""
    # How often what was open before the live rows was asked for, and when last.
    tries: int = 0
    tried_at: str = ""

    @classmethod
    def parse(cls, cursor: str | None) -> "_Seen":
        known = json.loads(cursor) if cursor else {}
        return cls(**{name: known[name] for name in cls.__dataclass_fields__ if name in known})

    def again_at(self) -> datetime | None:
        """Return before when another try comes too early, or None where there was none."""
        if not self.tries:
            return None
        pause: timedelta = _HAND_OVER_AFTER * 2**self.tries
        return datetime.fromisoformat(self.tried_at) + pause

    def waits(self, now: datetime) -> bool:
        """Return whether it is too early, or too late, for another try."""
        until = self.again_at()
        if until is None or self.tries >= _HAND_OVER_TRIES:
            return until is not None
        # A clock that was put back keeps nobody waiting.
        return datetime.fromisoformat(self.tried_at) <= now < until

    def is_asked_by(self, request: dg.RunRecord) -> bool:
        """Return whether a run of the job is one that nobody has acted on.

        The number alone does not say it: SQLite gives that of a deleted run again.
        """
        later = request.create_timestamp.isoformat() > self.requested_at
        return request.storage_id > self.request or (bool(self.requested_at) and later)

    def text(self) -> str:
        return json.dumps(asdict(self))


def history_job(groups: Sequence[Group]) -> dg.JobDefinition:
    """Return the button; its run is the request, which the sensor of the same name finds."""

    @dg.op(name=_OP)
    def request_history(
        context: dg.OpExecutionContext,
        config: HistoryConfig,
        project: dg.ResourceParam[Project],
    ) -> None:
        with failures_explained():
            _require_ready(project)
            policy, now = project.policy(), project.now()
        again = " and compares again what is done" if config.recheck else ""
        for group in groups:
            context.log.info(f"asks for {group.asset} over {group.history(policy, now)}{again}")

    @dg.job(
        name=JOB,
        description=(
            "Backfill all groups over the ranges that suit each: everything since BACKFILL_START, "
            "the last year, the last week, today. The sensor `history` sees this run within "
            "seconds and starts one run for each group; the refreshes follow by themselves. "
            "What is done already is found done, so it is safe to repeat."
        ),
    )
    def history() -> None:
        request_history()

    return history


def history_sensor(groups: Sequence[Group]) -> dg.SensorDefinition:
    """Return the sensor that starts the runs."""

    @dg.sensor(
        name=JOB,
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        asset_selection=dg.AssetSelection.assets(*(group.key for group in groups)),
        **about(
            "Looks whether the backfill of all groups is wanted: a migrated database has never had "
            "one, live rows have begun, or the job `history` was run.",
            starts="one run a group, each over the whole range that suits it; what is done already "
            "is found done",
            when_off="the job `history` does nothing, and an empty database stays empty; "
            "materialize the backfill assets by hand",
        ),
    )
    def history(
        context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
    ) -> dg.SensorResult | dg.SkipReason:
        seen = _Seen.parse(context.cursor)
        request = _newest_request(context.instance)
        try:
            _require_ready(project)
            inventory = project.inventory()
            empty, database = inventory.is_ledger_empty(), inventory.identity()
            live = inventory.live_mark()
            policy, now = project.policy(), project.now()
        except PromtsdbError as error:
            return Everywhere.PROBLEM(problem=error, again=in_seconds(_SECONDS))
        asked = request is not None and seen.is_asked_by(request)
        fresh = empty and database != seen.database
        settled = live is not None and live <= now - _HAND_OVER_AFTER
        mark = f"{database} live since {live}" if settled else seen.live
        if mark != seen.live:
            seen = replace(seen, live=mark, tries=0)
        begun = settled and not empty and not seen.waits(now)
        if begun and seen.tries and not _has_failed(context.instance, f"{mark} {seen.tries}"):
            begun = False
        if not asked and not fresh and not begun:
            reason = _why_not(context.instance, empty, live, seen, now)
            return dg.SensorResult(skip_reason=reason, cursor=seen.text())
        start_id = f"{database}@{now:%FT%TZ}"
        because = "the database had no history yet"
        if request and asked:
            start_id = request.dagster_run.run_id
            at = request.create_timestamp.isoformat()
            seen = replace(seen, request=request.storage_id, requested_at=at)
            because = f"the job history asked for it, run {start_id}"
        elif begun:
            seen = replace(seen, tries=seen.tries + 1, tried_at=now.isoformat())
            start_id = f"{mark} {seen.tries}"
            because = f"live rows began at {moment(live or now)}, try {seen.tries} to close it"
        recheck = bool(request and asked and _asks_recheck(request.dagster_run.run_config))
        requests = []
        for group in groups:
            covered = group.history(policy, now)
            if covered is None:
                context.log.info(f"{group.asset} has no partition in its range, nothing to start")
                continue
            context.log.info(f"starts {group.asset} over {covered}: {because}")
            requests.append(
                dg.RunRequest(
                    run_key=f"{start_id}:{group.asset}",
                    asset_selection=[group.key],
                    tags={**group.grid.tags(covered), TAG: start_id, **why(because)},
                    run_config=_run_config(group, recheck),
                )
            )
        seen = replace(seen, database=database)
        return dg.SensorResult(requests, cursor=seen.text())

    return history


def _require_ready(project: Project) -> None:
    """Raise unless the database can take a backfill and the source is known."""
    status = project.migrator().status()
    if status.too_new:
        raise UnknownVersion(status.too_new)
    if status.pending:
        raise MigrationError(
            f"{len(status.pending)} migrations are not applied, wanted all; materialize the group "
            "`migrations`, run the job `migrate` or `make migrate`"
        )
    project.backfill()


def _newest_request(instance: dg.DagsterInstance) -> dg.RunRecord | None:
    records = instance.get_run_records(
        dg.RunsFilter(job_name=JOB, statuses=[dg.DagsterRunStatus.SUCCESS]), limit=1
    )
    return records[0] if records else None


def _asks_recheck(run_config: object) -> bool:
    config = run_config if isinstance(run_config, dict) else {}
    return bool(config.get("ops", {}).get(_OP, {}).get("config", {}).get("recheck", False))


def _run_config(group: Group, recheck: bool) -> dict[str, object]:
    if not recheck:
        return {}
    return {"ops": {op_name(group.key): {"config": {"recheck": True}}}}


def _has_failed(instance: dg.DagsterInstance, start_id: str) -> bool:
    """Return whether a run of one start has failed, and none goes on."""
    runs = instance.get_runs(dg.RunsFilter(tags={TAG: start_id}))
    if any(run.status in UNFINISHED for run in runs):
        return False
    return any(run.status is not dg.DagsterRunStatus.SUCCESS for run in runs)


def _why_not(
    instance: dg.DagsterInstance, empty: bool, live: datetime | None, seen: _Seen, now: datetime
) -> dg.SkipReason:
    if empty:
        running = [
            run for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)) if TAG in run.tags
        ]
        return History.NOTHING_STORED(runs=counted(len(running), "run"))
    if live is None:
        return History.NO_LIVE_ROW()
    if live > now - _HAND_OVER_AFTER:
        return History.JUST_LIVE(begun=live, until=live + _HAND_OVER_AFTER)
    tried = datetime.fromisoformat(seen.tried_at) if seen.tried_at else now
    facts = {"begun": live, "tries": seen.tries, "asked": tried}
    if seen.tries >= _HAND_OVER_TRIES:
        return History.GIVEN_UP(**facts)
    if not seen.waits(now):
        return History.CLOSED(**facts)
    return History.ASKED(most=_HAND_OVER_TRIES, until=seen.again_at() or now, **facts)
