"""What a code server leaves behind when its container ends."""

from __future__ import annotations

import dagster as dg

from promtsdb_dagster.commands.home import PROCESS_TAG
from promtsdb_dagster.commands.recover import end_left_behind


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
    config = {"run_launcher": {"module": "dagster", "class": "DefaultRunLauncher"}}
    with dg.instance_for_test(config) as instance:
        runs = {name: run_of(instance, was, tags) for name, (was, tags, _) in wanted.items()}
        assert end_left_behind(instance) == 4
        for name, (_, _, now) in wanted.items():
            run = instance.get_run_by_id(runs[name])
            assert run is not None
            assert run.status == now, name
        assert end_left_behind(instance) == 0


def test_runs_in_containers_of_their_own_are_left_alone() -> None:
    config = {"run_launcher": {"module": "dagster_docker", "class": "DockerRunLauncher"}}
    with dg.instance_for_test(config) as instance:
        started = run_of(instance, dg.DagsterRunStatus.STARTED)
        assert end_left_behind(instance) == 0
        run = instance.get_run_by_id(started)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.STARTED
