"""What a code server leaves behind when its container ends."""

from __future__ import annotations

import subprocess
import time
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from typing import Any

import dagster as dg
import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.client import DagsterGrpcClient
from rich.console import Console

from promtsdb_dagster.commands import recover as command
from promtsdb_dagster.commands.home import PROCESS_TAG
from promtsdb_dagster.commands.recover import end_left_behind

LAUNCHER = {"run_launcher": {"module": "dagster", "class": "DefaultRunLauncher"}}


@dg.job
def some_job() -> None:
    """Stand for any."""


def run_of(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, tags: dict[str, str] | None = None
) -> str:
    run = instance.create_run_for_job(some_job, status=status, tags=tags or {})
    return run.run_id


def test_what_was_running_failed_and_what_a_person_typed_is_over() -> None:
    """Failed runs without a failed step are started again by Dagster; canceled ones are not."""
    status = dg.DagsterRunStatus
    wanted = {
        "started": (status.STARTED, {}, status.FAILURE),
        "starting": (status.STARTING, {}, status.FAILURE),
        "canceling": (status.CANCELING, {}, status.CANCELED),
        "typed": (status.STARTED, {PROCESS_TAG: "1"}, status.CANCELED),
        "not started": (status.NOT_STARTED, {}, status.NOT_STARTED),
        "done": (status.SUCCESS, {}, status.SUCCESS),
    }
    with dg.instance_for_test(LAUNCHER) as instance:
        runs = {name: run_of(instance, was, tags) for name, (was, tags, _) in wanted.items()}
        assert end_left_behind(instance) == 4
        for name, (_, _, now) in wanted.items():
            run = instance.get_run_by_id(runs[name])
            assert run is not None
            assert run.status == now, name
        assert end_left_behind(instance) == 0


def test_what_the_new_code_server_has_begun_is_left_alone() -> None:
    with dg.instance_for_test(LAUNCHER) as instance:
        run_of(instance, dg.DagsterRunStatus.STARTED)
        now = datetime.now(timezone.utc)
        assert end_left_behind(instance, now - timedelta(hours=1)) == 0
        assert end_left_behind(instance, now + timedelta(hours=1)) == 1


def test_runs_are_reported_once_the_code_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster starts a failed run again at once or never, and without a code server it cannot."""
    with dg.instance_for_test(LAUNCHER) as instance:
        run = run_of(instance, dg.DagsterRunStatus.STARTED)
        seen = []

        def ping(_: DagsterGrpcClient, _echo: str) -> None:
            seen.append(status_of(instance, run))
            if len(seen) < 3:
                raise DagsterUserCodeUnreachableError("nobody listens")

        monkeypatch.setattr(DagsterGrpcClient, "ping", ping)
        monkeypatch.setattr(command, "open_instance", lambda: nullcontext(instance))
        command.recover(Console(quiet=True), int(time.time()), "localhost:4000")
        assert seen == [dg.DagsterRunStatus.STARTED] * 3
        assert status_of(instance, run) == dg.DagsterRunStatus.FAILURE


def test_a_process_that_goes_on_reports_them(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The command ends before the server starts, and what it left behind waits for that."""
    begun: list[subprocess.Popen[bytes]] = []

    def start(*arguments: Any, **options: Any) -> None:
        begun.append(popen(*arguments, **options))

    popen = subprocess.Popen
    with dg.instance_for_test(LAUNCHER, set_dagster_home=True) as instance:
        run = run_of(instance, dg.DagsterRunStatus.STARTED)
        monkeypatch.setattr(command.subprocess, "Popen", start)
        command.recover(Console(quiet=True), serving="nonsense")
        (process,) = begun
        assert process.wait(60) != 0
        assert status_of(instance, run) == dg.DagsterRunStatus.STARTED
    assert "'nonsense' is no address" in "".join(capfd.readouterr())


def status_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_runs_in_containers_of_their_own_are_left_alone() -> None:
    config = {"run_launcher": {"module": "dagster_docker", "class": "DockerRunLauncher"}}
    with dg.instance_for_test(config) as instance:
        started = run_of(instance, dg.DagsterRunStatus.STARTED)
        assert end_left_behind(instance) == 0
        run = instance.get_run_by_id(started)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.STARTED
