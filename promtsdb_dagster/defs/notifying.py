"""Tell people of runs that failed and of checks that turned red, however often, once.

Dagster's own `run_failure_sensor` calls for one run at a time and goes on when the call fails: two
hundred failures are two hundred messages, and those of an hour without the webhook are lost. These
sensors keep what nobody was told of in their cursor, folded, so that it neither grows nor is lost.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from urllib.parse import quote

import dagster as dg

from promtsdb_dagster.core import storms as s
from promtsdb_dagster.core.notices import Attempts, Message, Notice, Notifier
from promtsdb_dagster.defs.delivering import attempts_of, deliver, in_short, kept, not_told
from promtsdb_dagster.defs.failures import CheckResult, Seen, check_results, failed_runs
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reasons import NotifyChecks, NotifyFailures, some
from promtsdb_dagster.defs.reporting import counted
from promtsdb_dagster.defs.ticks import about

FAILURES, CHECKS = "notify_failures", "notify_checks"
_SECONDS, _SECONDS_CHECKS = 30, 60


@dataclass
class _Failed:
    """Hold the cursor of `notify_failures`."""

    seen: Seen | None = None
    storms: s.Storms = field(default_factory=dict)
    attempts: Attempts = field(default_factory=Attempts)


@dataclass
class _Red:
    """Hold a check that was red when last looked at, as people know it."""

    since: str
    told: bool = False


def notify_failures_sensor(public_url: str | None) -> dg.SensorDefinition:
    """Return the sensor that tells of runs that failed; links begin with `public_url`."""
    runs_url = f"{public_url}/runs" if public_url else ""

    @dg.sensor(
        name=FAILURES,
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        **about(
            "Tells people of every run that failed: what, which partitions, the first line of the "
            "error with its advice, and where to look. The first of a kind (the same asset or job "
            "and the same kind of error) at once, more of that kind in one message an hour. Runs "
            "that Dagster is about to try again are not told of.",
            starts="nothing; it sends messages",
            when_off="failures are in the list of runs only; those of the time in between are told "
            "when it is on again",
        ),
    )
    def notify_failures(
        context: dg.SensorEvaluationContext,
        project: dg.ResourceParam[Project],
        notifier: dg.ResourceParam[Notifier],
    ) -> dg.SensorResult:
        now, before = project.now(), _failed(context.cursor)
        origin = context.code_location_origin
        looked = failed_runs(
            context.instance, before.seen, now, origin.location_name if origin else None
        )
        storms, attempts = s.gather(before.storms, looked.failures, now), before.attempts
        kinds = s.due(storms, now)
        if kinds:
            message = Message("runs", [storms[kind].notice(runs_url) for kind in kinds])
            attempts = deliver(context, notifier, message, attempts, now)
            if attempts.count:
                reason = not_told(NotifyFailures, message, attempts)
            else:
                storms = s.told(storms, kinds, now)
                reason = NotifyFailures.TOLD(message=in_short(message))
        else:
            reason = _nothing_failed(storms, looked.retried, now)
        after = _Failed(looked.seen, storms, attempts)
        return dg.SensorResult(skip_reason=reason, cursor=_failed_text(after))

    return notify_failures


def notify_checks_sensor(public_url: str | None) -> dg.SensorDefinition:
    """Return the sensor that tells of checks that turned red, and of their recovery."""

    @dg.sensor(
        name=CHECKS,
        minimum_interval_seconds=_SECONDS_CHECKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        **about(
            "Tells people, once for each change, of every check that failed as an error and of "
            "its recovery, however often the check says the same in between. Warnings are not told "
            "of. A check that could not be evaluated is a run that failed, which "
            "`notify_failures` tells.",
            starts="nothing; it sends messages",
            when_off="red checks are on their assets only; what is red when it is on again is told "
            "then",
        ),
    )
    def notify_checks(
        context: dg.SensorEvaluationContext,
        project: dg.ResourceParam[Project],
        notifier: dg.ResourceParam[Notifier],
    ) -> dg.SensorResult:
        now = project.now()
        known = json.loads(context.cursor) if context.cursor else {}
        attempts = attempts_of(known)
        red = {name: _Red(**each) for name, each in known.get("red", {}).items()}
        repository = context.repository_def
        keys = sorted(repository.asset_graph.asset_check_keys) if repository else []
        results = dict(check_results(context.instance, keys))
        # What is no longer defined is nobody's worry.
        red = {str_of(key): red[str_of(key)] for key in results if str_of(key) in red}
        notices = []
        for key, result in results.items():
            before = red.get(str_of(key))
            if result.red and before is None:
                before = red[str_of(key)] = _Red(result.at.isoformat())
            if before and not (result.red and before.told):
                notices.append(_check_notice(key, result, before, public_url))
        if notices:
            message = Message("checks", notices)
            attempts = deliver(context, notifier, message, attempts, now)
            if attempts.count:
                reason = not_told(NotifyChecks, message, attempts)
            else:
                red = {
                    str_of(key): _Red(red[str_of(key)].since, told=True)
                    for key, result in results.items()
                    if result.red
                }
                reason = NotifyChecks.TOLD(message=in_short(message))
        else:
            told = f"{len(red)} of them {'is' if len(red) == 1 else 'are'} red"
            reason = NotifyChecks.NOTHING(checks=counted(len(results), "check"), red=told)
        cursor = {"red": {name: asdict(each) for name, each in red.items()}, **kept(attempts)}
        return dg.SensorResult(skip_reason=reason, cursor=json.dumps(cursor))

    return notify_checks


def str_of(key: dg.AssetCheckKey) -> str:
    """Return a check as people read it."""
    return f"check {key.name} of {key.asset_key.to_user_string()}"


def _check_notice(
    key: dg.AssetCheckKey, result: CheckResult, before: _Red, public_url: str | None
) -> Notice:
    page = "/".join(quote(part, safe="") for part in key.asset_key.path)
    return Notice(
        subject=str_of(key),
        state="red" if result.red else "right" if result.passed else "warning",
        text=result.text,
        since=datetime.fromisoformat(before.since),
        run_id=result.run_id,
        url=f"{public_url}/assets/{page}?view=checks&checkDetail={key.name}" if public_url else "",
    )


def _nothing_failed(storms: s.Storms, retried: int, now: datetime) -> dg.SkipReason:
    waiting = [storm for storm in storms.values() if storm.count]
    if waiting:
        return NotifyFailures.COUNTED(
            count=counted(sum(storm.count for storm in waiting), "failure"),
            told=datetime.fromisoformat(max(storm.told_at for storm in waiting)),
            subjects=some(sorted({storm.subject for storm in waiting})),
            until=min(filter(None, (storm.waits_until() for storm in waiting)), default=now),
        )
    if retried:
        return NotifyFailures.RETRIED(count=counted(retried, "run"))
    return NotifyFailures.NOTHING()


def _failed(cursor: str | None) -> _Failed:
    known = json.loads(cursor) if cursor else {}
    seen = known.get("seen")
    # Earlier versions kept a number, which SQLite gives more than once.
    seen = Seen(**seen) if isinstance(seen, dict) else None
    return _Failed(seen, s.from_json(known.get("storms", {})), attempts_of(known))


def _failed_text(state: _Failed) -> str:
    seen = asdict(state.seen) if state.seen else None
    known = {"seen": seen, "storms": s.as_json(state.storms), **kept(state.attempts)}
    return json.dumps(known)


def notifying_sensors(public_url: str | None) -> Sequence[dg.SensorDefinition]:
    """Return both sensors; links in their messages begin with `public_url`."""
    return [notify_failures_sensor(public_url), notify_checks_sensor(public_url)]
