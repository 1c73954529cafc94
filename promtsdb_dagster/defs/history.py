"""Start the backfill of all groups, once on an empty database and whenever a person asks."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

import dagster as dg
from pydantic import Field

from promtsdb_dagster.defs.groups import Group
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reporting import failures_explained
from promtsdb_dagster.defs.runs import UNFINISHED, op_name
from promtsdb_dagster.errors import MigrationError, PromtsdbError, UnknownVersion

JOB = "history"
# All runs of one start carry the same value.
TAG = "promtsdb/history"
_OP = "request_history"
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
    database: str = ""
    live: str = ""
    # How often what was open before the live rows was asked for, and when last.
    tries: int = 0
    tried_at: str = ""

    @classmethod
    def parse(cls, cursor: str | None) -> "_Seen":
        known = json.loads(cursor) if cursor else {}
        return cls(**{name: known[name] for name in cls.__dataclass_fields__ if name in known})

    def waits(self, now: datetime) -> bool:
        """Return whether it is too early, or too late, for another try."""
        if not self.tries:
            return False
        pause = _HAND_OVER_AFTER * 2**self.tries
        return self.tries >= _HAND_OVER_TRIES or now < datetime.fromisoformat(self.tried_at) + pause

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
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        asset_selection=dg.AssetSelection.assets(*(group.key for group in groups)),
        description=(
            "Starts the backfill of all groups when a migrated database has never had one, when "
            "live rows have begun, to close what is open before them, and when the job `history` "
            "was run."
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
            return dg.SkipReason(str(error))
        asked = request is not None and request.storage_id > seen.request
        fresh = empty and database != seen.database
        settled = live is not None and live <= now - _HAND_OVER_AFTER
        mark = f"{database} live since {live}" if settled else seen.live
        if mark != seen.live:
            seen = replace(seen, live=mark, tries=0)
        begun = settled and not empty and not seen.waits(now)
        if begun and seen.tries and not _has_failed(context.instance, f"{mark} {seen.tries}"):
            begun = False
        if not asked and not fresh and not begun:
            return dg.SensorResult(skip_reason=_why_not(empty), cursor=seen.text())
        newest = request.storage_id if request else seen.request
        start_id = f"{database}@{now:%FT%TZ}"
        if request and asked:
            start_id = request.dagster_run.run_id
        elif begun:
            seen = replace(seen, tries=seen.tries + 1, tried_at=now.isoformat())
            start_id = f"{mark} {seen.tries}"
        recheck = bool(request and asked and _asks_recheck(request.dagster_run.run_config))
        requests = []
        for group in groups:
            covered = group.history(policy, now)
            if covered is None:
                continue
            requests.append(
                dg.RunRequest(
                    run_key=f"{start_id}:{group.asset}",
                    asset_selection=[group.key],
                    tags={**group.grid.tags(covered), TAG: start_id},
                    run_config=_run_config(group, recheck),
                )
            )
        seen = replace(seen, request=newest, database=database)
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


def _why_not(empty: bool) -> str:
    if empty:
        return (
            "the history of this database was started already and nothing of it is stored yet; "
            "look at the runs of group backfill, or run the job history to start it again"
        )
    return "the database has its history; run the job history to bring it up to date"
