"""People hear of failures: once, folded, and later where nobody could be told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest

from promtsdb_dagster.adapters.notifiers import WebhookNotifier
from promtsdb_dagster.core.notices import Message, Notifier
from promtsdb_dagster.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from promtsdb_dagster.errors import NotifierError, StoreUnavailable
from promtsdb_dagster.settings import Settings
from tests.dagster.fakes import FakeProject
from tests.dagster.running import run_assets
from tests.doubles.scripted_http import Answer, ScriptedServer, scripted

WEEKS = {RANGE_START_TAG: "2026-08-05", RANGE_END_TAG: "2026-10-07"}
YEAR, DAYS = dg.AssetKey("backfill_1y"), dg.AssetKey("backfill_1w")
GONE = StoreUnavailable("the database at db.example cannot be used: gone; check DATABASE_URL")
UI = "https://dagster.example.org"
AGAIN = "; its process ended; launch the same again, what is done is found done"
HALF_A_MINUTE = timedelta(seconds=30)


@dataclass
class Told:
    """A notifier that can be switched off."""

    messages: list[Message] = field(default_factory=list)
    error: Exception | None = None

    def send(self, message: Message) -> None:
        if self.error:
            raise self.error
        self.messages.append(message)

    @property
    def sentences(self) -> list[str]:
        return [notice.sentence for message in self.messages for notice in message.notices]


@dataclass
class Sensor:
    """Tick one of the sensors every half minute and keep its cursor, as the daemon does."""

    name: str
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    project: FakeProject
    notifier: Notifier
    cursor: str | None = None

    def tick(self, after: timedelta = HALF_A_MINUTE) -> str:
        self.project.clock += after
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            definitions=self.definitions,
            resources={"project": self.project, "notifier": self.notifier},
        ) as context:
            data = self.definitions.resolve_sensor_def(self.name).evaluate_tick(context)
        assert not data.run_requests
        self.cursor = data.cursor
        return data.skip_message or ""


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def definitions(project: FakeProject) -> dg.Definitions:
    from promtsdb_dagster.definitions import build

    return build(Settings(dagster_public_url=f"{UI}/"), project)


@pytest.fixture
def failures(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject, told: Told
) -> Sensor:
    sensor = Sensor("notify_failures", definitions, instance, project, told)
    assert sensor.tick().startswith("no run has failed that people were not told of")
    return sensor


@pytest.fixture
def checks(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject, told: Told
) -> Sensor:
    return Sensor("notify_checks", definitions, instance, project, told)


def _fail(sensor: Sensor) -> str:
    sensor.project.engine.error = GONE
    sensor.project.engine.fails_at = sensor.project.clock - timedelta(days=10_000)
    result = run_assets(sensor.definitions, sensor.instance, [YEAR], tags=WEEKS)
    assert not result.success
    return result.run_id


def _die(sensor: Sensor, day: int, **tags: str) -> dg.DagsterRun:
    run = sensor.instance.create_run_for_job(
        sensor.definitions.resolve_implicit_global_asset_job_def(),
        asset_selection=frozenset({DAYS}),
        tags={"dagster/partition": f"2026-{1 + day // 28:02}-{1 + day % 28:02}", **tags},
        status=dg.DagsterRunStatus.STARTED,
    )
    sensor.instance.report_run_failed(run, "the process died")
    return run


def test_a_failure_says_what_where_why_and_what_to_do(failures: Sensor, told: Told) -> None:
    run_id = _fail(failures)
    said = failures.tick()
    (sentence,) = told.sentences
    assert sentence.startswith("backfill_1y (partitions 2026-08-05 to 2026-10-07) failed at 2026-")
    assert sentence.endswith(f"UTC: {GONE}")
    assert said == f"people were told: promtsdb: 1 run failed: {sentence}"
    (notice,) = told.messages[0].notices
    assert (notice.run_id, notice.url) == (run_id, f"{UI}/runs/{run_id}")
    assert failures.tick().startswith("no run has failed")
    assert len(told.messages) == 1


def test_a_job_that_fails_is_told_with_its_step(
    failures: Sensor, project: FakeProject, told: Told
) -> None:
    project.audit.error = GONE
    job = failures.definitions.resolve_job_def("checks")
    job.execute_in_process(instance=failures.instance, raise_on_error=False)
    failures.tick()
    assert len(told.sentences) == 1
    assert told.sentences[0].startswith("job checks, ")
    assert "check DATABASE_URL" in told.sentences[0]


def test_what_nobody_foresaw_is_told_by_its_first_line(failures: Sensor, told: Told) -> None:
    failures.project.keeper.error = ZeroDivisionError("division\nby zero")
    run_assets(failures.definitions, failures.instance, [dg.AssetKey("expired_rows")])
    failures.tick()
    assert told.sentences[0].startswith("expired_rows failed at ")
    assert "ZeroDivisionError: division; the traceback is in the log" in told.sentences[0]


def test_a_storm_is_two_messages(failures: Sensor, told: Told) -> None:
    for day in range(60):
        _die(failures, day)
        if day % 20 == 0:
            failures.tick()
    said = failures.tick()
    assert len(told.messages) == 1
    assert said.startswith("59 failures more like those that people were told of at 2026-11-18")
    assert "backfill_1w; they are counted, and told as one message at" in said
    assert len(failures.cursor or "") < 1_000
    failures.tick(timedelta(hours=1))
    assert len(told.messages) == 2
    (notice,) = told.messages[1].notices
    assert (notice.count, notice.text) == (59, f"the process died{AGAIN}")
    assert notice.partitions == "partitions 2026-01-02 to 2026-03-04"
    failures.tick(timedelta(hours=1))
    assert len(told.messages) == 2


def test_another_kind_of_failure_is_told_in_the_midst_of_a_storm(
    failures: Sensor, told: Told
) -> None:
    _die(failures, 1)
    failures.tick()
    _die(failures, 2)
    _fail(failures)
    failures.tick()
    assert [m.notices[0].subject for m in told.messages] == ["backfill_1w", "backfill_1y"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotifierError("the webhook at h answered 500"), "the webhook at h answered 500"),
        (ConnectionError("https://secret.example/x"), "Told raised ConnectionError"),
    ],
    ids=["ours", "another's, which may show its URL"],
)
def test_nothing_is_lost_while_nobody_can_be_told(
    failures: Sensor, told: Told, error: Exception, said: str
) -> None:
    told.error = error
    _die(failures, 1)
    first = failures.tick()
    assert f"people could not be told, 1 time by now: {said}; nothing is lost, sent again" in first
    assert "secret.example" not in first + (failures.cursor or "")
    for day in range(2, 22):
        _die(failures, day)
    again = failures.tick(timedelta(seconds=20))
    assert "21 times since" in again
    assert "1 time by now" in again, "too early to try again"
    for _ in range(100):
        failures.tick()
    assert "8 times by now" in failures.tick()
    assert len(failures.cursor or "") < 1_000
    told.error = None
    failures.tick(timedelta(minutes=15))
    (message,) = told.messages
    assert message.notices[0].count == 21
    assert failures.tick().startswith("no run has failed")


def test_a_sensor_that_never_looked_tells_of_the_last_hour(
    failures: Sensor, told: Told, instance: dg.DagsterInstance
) -> None:
    run = _die(failures, 1)
    (record,) = instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, 9).records
    clock = failures.project.clock
    age = clock.timestamp() - record.timestamp
    for hours, count in ((0.5, 1), (2, 0)):
        told.messages.clear()
        failures.project.clock = clock + timedelta(seconds=-age, hours=hours)
        failures.cursor = None
        failures.tick()
        assert len(told.messages) == count
        failures.tick()
        assert len(told.messages) == count, run.run_id


def test_what_dagster_tries_again_is_told_when_the_last_try_fails(
    failures: Sensor, told: Told
) -> None:
    _die(failures, 1, **{"dagster/will_retry": "true", "dagster/auto_retry_run_id": "next"})
    assert failures.tick().startswith("1 run failed, and Dagster tries the same again")
    assert failures.tick().startswith("no run has failed")
    assert told.messages == []
    _die(failures, 1, **{"dagster/will_retry": "false"})
    failures.tick()
    assert len(told.messages) == 1


def test_a_run_that_was_to_be_tried_again_and_is_not_is_told(
    definitions: dg.Definitions, project: FakeProject, told: Told
) -> None:
    """The backfill it was part of is over, or the try itself failed."""
    with dg.instance_for_test(overrides={"run_retries": {"enabled": True}}) as instance:
        project.clock = datetime.now(timezone.utc)
        sensor = Sensor("notify_failures", definitions, instance, project, told)
        sensor.tick()
        run = _die(sensor, 1)
        instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
        assert sensor.tick().startswith("no run has failed"), "Dagster may be about to"
        sensor.tick(timedelta(minutes=1))
    assert [message.notices[0].run_id for message in told.messages] == [run.run_id]


@pytest.mark.parametrize("all_of_them", [False, True], ids=["the last", "all"])
def test_what_fails_after_runs_were_deleted_is_told(
    failures: Sensor, told: Told, kept: dg.DagsterInstance, all_of_them: bool
) -> None:
    """SQLite gives the number of a deleted event again."""
    failures.instance = kept
    runs = [_die(failures, day) for day in range(3)]
    failures.tick()
    for run in runs if all_of_them else runs[-1:]:
        failures.instance.delete_run(run.run_id)
    assert failures.tick().startswith("no run has failed")
    _die(failures, 9)
    assert failures.tick().startswith("1 failure more")
    assert len(told.messages) == 1


def test_a_clock_that_was_put_back_keeps_no_message(failures: Sensor, told: Told) -> None:
    _die(failures, 1)
    failures.tick()
    told.error = NotifierError("down")
    _fail(failures)
    failures.tick()
    told.error = None
    _die(failures, 2)
    failures.tick(-timedelta(days=400))
    assert {notice.subject for notice in told.messages[1].notices} == {"backfill_1w", "backfill_1y"}


def test_the_cursor_of_an_earlier_version_is_read(failures: Sensor, told: Told) -> None:
    failures.project.clock = datetime.now(timezone.utc)
    failures.cursor = '{"seen": 7, "storms": {}, "tries": 0, "tried_at": null, "problem": ""}'
    _die(failures, 1)
    failures.tick()
    assert len(told.messages) == 1


def test_an_error_without_words_is_an_error(failures: Sensor, told: Told) -> None:
    told.error = NotifierError("")
    _die(failures, 1)
    assert "could not be told, 1 time by now" in failures.tick()


def test_a_check_is_told_when_it_turns_red_and_when_it_recovers(
    checks: Sensor, project: FakeProject, told: Told
) -> None:
    assert checks.tick().startswith("0 checks looked at")
    project.state.waiting = 3
    _run_checks(checks)
    said = checks.tick()
    assert said.startswith("people were told: promtsdb: checks: 2 turned red: check empty of stag")
    (message,) = told.messages
    assert [notice.subject for notice in message.notices] == [
        "check empty of staging_cumsum",
        "check empty of staging_internal",
    ]
    assert "3 rows wait in staging_cumsum, wanted none; materialize staging" in told.sentences[0]
    assert message.notices[0].url == f"{UI}/assets/staging_cumsum?view=checks&checkDetail=empty"
    _run_checks(checks)
    assert "2 of them are red as people were told, none has changed" in checks.tick()
    project.state.waiting = 0
    _run_checks(checks)
    assert "2 no longer red" in checks.tick()
    assert "check empty of staging_cumsum is right again, was red since 20" in told.sentences[2]
    assert "0 of them are red" in checks.tick()
    assert len(told.messages) == 2


def test_warnings_are_not_told(checks: Sensor, project: FakeProject, told: Told) -> None:
    project.state.refusals = {"too old": 3}
    _run_checks(checks)
    checks.tick()
    assert told.messages == []


def test_a_check_that_recovers_while_nobody_can_be_told_is_told_later(
    checks: Sensor, project: FakeProject, told: Told
) -> None:
    told.error = NotifierError("down")
    project.state.waiting = 3
    _run_checks(checks)
    assert "could not be told, 1 time by now: down" in checks.tick()
    project.state.waiting = 0
    _run_checks(checks)
    for _ in range(5):
        checks.tick()
    told.error = None
    checks.tick(timedelta(minutes=15))
    assert [notice.state for notice in told.messages[0].notices] == ["right", "right"]
    assert "is right again, was red since" in told.sentences[0]


def _run_checks(sensor: Sensor) -> None:
    job = sensor.definitions.resolve_job_def("checks")
    job.execute_in_process(instance=sensor.instance)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted(Answer(b"", 404), Answer(b"ok")) as server:
        yield server


def test_a_real_webhook_gets_it_at_the_second_try(failures: Sensor, server: ScriptedServer) -> None:
    failures.notifier = WebhookNotifier(f"{server.url}/hook", "slack")
    run_id = _fail(failures)
    said = failures.tick()
    assert "the webhook at 127.0.0.1 answered 404 '', wanted 2xx; check NOTIFY_WEBHOOK_URL" in said
    failures.tick()
    first, second = (json.loads(body) for _, _, body in server.requests)
    assert first == second
    assert f"check DATABASE_URL <{UI}/runs/{run_id}|open>" in second["text"]
