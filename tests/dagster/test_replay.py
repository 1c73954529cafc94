"""A run may have vmalert bring its rows: by a process, or by a container of a pinned image."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event
from typing import Any

import dagster as dg
import docker.client
import pytest
from docker.errors import APIError, ImageNotFound, NotFound
from urllib3.exceptions import ProtocolError

from promtsdb_dagster.adapters.replay import ReplayCommand, ReplayContainer, ReplaySetup
from promtsdb_dagster.adapters.replay_process import ProcessReplayer
from promtsdb_dagster.core.replaying import Ending, Job
from promtsdb_dagster.core.rules import Rule
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs import replay_docker
from tests.dagster.fakes import FakeProject
from tests.dagster.running import run_assets

WEEK = dg.AssetKey("backfill_1w")
IMAGE = "victoriametrics/vmalert:v1.150.0"
START = datetime(2026, 11, 11, tzinfo=timezone.utc)
JOB = Job(
    "backfill_1w", timedelta(minutes=15), Window(START, START + timedelta(days=1)),
    (Rule("backfill_1w", "node_count", "count(up)", {}, "f", 1),),
)  # fmt: skip
COMMAND = ReplayCommand(
    "http://prometheus:9090", "http://telegraf:9273/write",
    datasource_ca="-----BEGIN CERTIFICATE-----",
    telegraf_username="promtsdb", telegraf_password="very secret",
)  # fmt: skip


@dataclass
class FakeEngine:
    """Be a Docker engine that remembers what it was asked to run."""

    status: int = 0
    log: tuple[bytes, ...] = (b"info\treplay succeed!\n",)
    refuses: Exception | None = None
    has_image: bool = True
    # Until somebody stops the container: its log goes on, or it only does not end.
    hangs: str | None = None
    breaks: Exception | None = None
    stopped: Event = field(default_factory=Event)
    created: list[dict[str, Any]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    @property
    def containers(self) -> FakeEngine:
        return self

    @property
    def images(self) -> FakeEngine:
        return self

    def pull(self, image: str) -> None:
        self.done.append(f"pull {image}")
        self.has_image = True

    def create(self, **options: Any) -> FakeEngine:
        if self.refuses:
            raise self.refuses
        if not self.has_image:
            raise ImageNotFound("no such image")
        self.created.append(options)
        return self

    def get(self, name: str) -> FakeEngine:
        if not any(options["name"] == name for options in self.created):
            raise NotFound("no such container")
        return self

    def start(self) -> None:
        self.done.append("start")

    def logs(self, **_: Any) -> Iterator[bytes]:
        yield from self.log
        if self.breaks:
            raise self.breaks
        if self.hangs == "log":
            self.stopped.wait(60)

    def wait(self) -> dict[str, int]:
        if self.hangs == "wait":
            self.stopped.wait(60)
        return {"StatusCode": self.status}

    def stop(self) -> None:
        self.stopped.set()
        self.done.append("stop")

    def remove(self, *, force: bool) -> None:
        self.done.append("remove")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """A Docker engine for everybody who asks for one."""
    fake = FakeEngine()
    monkeypatch.setattr(docker.client, "from_env", lambda: fake)
    return fake


class ReplayingProject(FakeProject):
    """Give out an engine that replays one job and keeps how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.setup = ReplaySetup(COMMAND, ReplayContainer(IMAGE, ("live", "outside")))
        self.job = JOB
        self.endings: list[Ending] = []
        self.patience: timedelta | None = None
        self.replayer: Any = None

    def replay_setup(self) -> ReplaySetup:
        return self.setup

    def replayed_backfill(self, replayer: Any, patience: timedelta) -> Any:
        self.replayer, self.patience = replayer, patience
        self.engine.replay = lambda: self.endings.append(replayer.replay(self.job))
        return self.engine


@pytest.fixture
def project() -> ReplayingProject:
    return ReplayingProject()


def materialize(
    definitions: dg.Definitions, instance: dg.DagsterInstance, **config: Any
) -> dg.ExecuteInProcessResult:
    return run_assets(
        definitions, instance, [WEEK], partition_key="2026-11-11",
        config={"ops": {"backfill_1w": {"config": {"writer": "replay", **config}}}},
    )  # fmt: skip


def test_the_container_is_pinned_confined_and_told_no_secret_by_its_command(
    definitions: dg.Definitions,
    project: ReplayingProject,
    instance: dg.DagsterInstance,
    engine: FakeEngine,
) -> None:
    assert materialize(definitions, instance, arrival_seconds=7).success

    assert project.patience == timedelta(seconds=7)
    [options] = engine.created
    assert options["image"] == IMAGE
    assert options["network"] == "live"
    assert list(options["networking_config"]) == ["live", "outside"]
    assert options["user"] == "65534:65534"
    assert options["read_only"] is True
    assert options["cap_drop"] == ["ALL"]
    assert options["entrypoint"][:2] == ["/bin/sh", "-c"]
    assert "-replay.timeFrom=2026-11-11T00:00:00Z" in options["command"]
    assert "-rule=/tmp/rules.yaml" in options["command"]
    assert "-datasource.tlsCAFile=/tmp/ca.pem" in options["command"]
    assert "very secret" not in f"{options['command']} {options['entrypoint']} {options['name']}"
    variables = options["environment"]
    assert variables["REPLAY_remoteWrite_basicAuth_password"] == "very secret"
    assert variables["REPLAY_RULES"] == JOB.rule_file()
    assert variables["REPLAY_CA"].startswith("-----BEGIN")
    assert engine.done == ["start", "stop", "remove"]
    [ending] = project.endings
    assert ending == Ending("ended with status 0", True, "info\treplay succeed!")


def test_the_container_writes_its_files_before_vmalert_starts(
    definitions: dg.Definitions,
    project: ReplayingProject,
    instance: dg.DagsterInstance,
    engine: FakeEngine,
    tmp_path: Path,
) -> None:
    materialize(definitions, instance)
    [options] = engine.created
    program = tmp_path / "vmalert"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)

    # The very script, but for two paths that are the container's own.
    shell, flag, script = options["entrypoint"]
    script = script.replace("/tmp", str(tmp_path)).replace("/vmalert-prod", str(program))  # noqa: S108
    told = subprocess.run(
        [shell, flag, script, *options["command"]],
        env=options["environment"], capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert told.stdout.split() == options["command"][1:]
    assert told.stderr == ""
    assert (tmp_path / "rules.yaml").read_text() == JOB.rule_file()
    assert (tmp_path / "ca.pem").read_text() == COMMAND.datasource_ca


def test_an_image_that_is_not_there_is_pulled(
    definitions: dg.Definitions,
    project: ReplayingProject,
    instance: dg.DagsterInstance,
    engine: FakeEngine,
) -> None:
    engine.has_image = False
    project.setup = ReplaySetup(COMMAND, ReplayContainer(IMAGE))
    assert materialize(definitions, instance).success
    assert engine.done[0] == f"pull {IMAGE}"
    assert not {"network", "networking_config"} & set(engine.created[0])


def test_a_container_that_fails_is_an_ending_and_removed(
    definitions: dg.Definitions,
    project: ReplayingProject,
    instance: dg.DagsterInstance,
    engine: FakeEngine,
) -> None:
    """Whether that is a failure is for the rows to say."""
    engine.status = 255
    engine.log = (b"fatal: 401 for very ", b"secret\n", b"fatal: 401 for very secret\n")
    assert materialize(definitions, instance).success
    [ending] = project.endings
    assert not ending.good
    assert "255" in ending.how
    assert "secret" not in ending.last_words
    assert engine.done == ["start", "stop", "remove"]


@pytest.mark.parametrize("where", ["log", "wait"])
def test_a_container_that_does_not_end_is_ended(
    definitions: dg.Definitions,
    project: ReplayingProject,
    instance: dg.DagsterInstance,
    engine: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """As a process is, after as long: nothing else would give its place in the pool back."""
    limits = replay_docker.ContainerReplayer.__init__.__kwdefaults__
    assert limits == ProcessReplayer.__init__.__kwdefaults__ == {"longest_seconds": 900.0}
    monkeypatch.setitem(limits, "longest_seconds", 0.2)
    engine.hangs = where
    assert materialize(definitions, instance).success
    assert project.endings == [Ending("was ended after 0 s", False, "info\treplay succeed!")]
    assert engine.done == ["start", "stop", "remove"]


@pytest.mark.parametrize(
    "error",
    [ProtocolError("connection broken"), ConnectionError("connection broken"), APIError("broken")],
    ids=lambda error: type(error).__name__,
)
def test_a_log_that_breaks_is_an_ending_and_the_container_is_removed(
    definitions: dg.Definitions,
    project: ReplayingProject,
    instance: dg.DagsterInstance,
    engine: FakeEngine,
    error: Exception,
) -> None:
    engine.breaks = error
    assert materialize(definitions, instance).success
    [ending] = project.endings
    assert not ending.good
    assert "the Docker engine did not answer" in ending.how
    assert "broken" in ending.how
    assert ending.last_words == "info\treplay succeed!"
    assert engine.done == ["start", "stop", "remove"]


@pytest.mark.parametrize(
    "error",
    [APIError("no permission"), ConnectionError("refused"), ProtocolError("broken")],
    ids=lambda error: type(error).__name__,
)
def test_without_an_engine_the_run_fails_and_says_what_to_do(
    definitions: dg.Definitions,
    project: ReplayingProject,
    instance: dg.DagsterInstance,
    engine: FakeEngine,
    error: Exception,
) -> None:
    engine.refuses = error
    result = materialize(definitions, instance)
    failure = result.failure_data_for_node("backfill_1w")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert "unset REPLAY_IMAGE" in str(failure.user_failure_data.description)


def test_rules_too_long_for_a_variable_are_refused(
    definitions: dg.Definitions,
    project: ReplayingProject,
    instance: dg.DagsterInstance,
    engine: FakeEngine,
) -> None:
    long = Rule("backfill_1w", "node_count", "count(up)" + " " * 140_000, {}, "f", 1)
    project.job = Job(JOB.group, JOB.step, JOB.window, (long,))
    assert not materialize(definitions, instance).success
    assert engine.created == []


def test_without_an_image_a_process_replays(
    definitions: dg.Definitions, project: ReplayingProject, instance: dg.DagsterInstance
) -> None:
    project.setup = ReplaySetup(COMMAND, program=Path("/nowhere/vmalert"))
    result = materialize(definitions, instance)
    assert isinstance(project.replayer, ProcessReplayer)
    assert project.patience == timedelta(seconds=120)
    failure = result.failure_data_for_node("backfill_1w")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert "vmalert does not start" in str(failure.user_failure_data.description)


def test_remarks_are_told_with_the_partition(
    definitions: dg.Definitions, project: ReplayingProject, instance: dg.DagsterInstance
) -> None:
    project.engine.remarks = ["vmalert ended with status 255"]
    result = run_assets(definitions, instance, [WEEK], partition_key="2026-11-11")
    [event] = result.get_asset_materialization_events()
    assert event.materialization.metadata["remarks"].value == ["vmalert ended with status 255"]


def test_a_misspelled_writer_is_refused(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="replay"):
        materialize(definitions, instance, writer="replays")
