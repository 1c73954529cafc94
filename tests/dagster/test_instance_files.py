"""Dagster's settings for Compose: one truth, and the launcher of the overlay as it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import docker
import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._serdes import ConfigurableClassData
from dagster_docker import DockerRunLauncher

from promtsdb_dagster.settings import ROOT
from tests.compose import MAIN, OVERLAY, environment, services, words

FOLDER = ROOT / "docker/dagster"
LOCAL = ROOT / "dagster.yaml"
MAIN_FILE, OVERLAY_FILE = FOLDER / "dagster.yaml", FOLDER / "dagster.docker-launcher.yaml"
CONTAINER = "c" * 64


def settings(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def test_the_files_differ_in_nothing_but_storage_and_launcher() -> None:
    local, main, overlay = settings(LOCAL), settings(MAIN_FILE), settings(OVERLAY_FILE)
    assert _but(main, "storage") == _but(local, "storage")
    assert _but(overlay, "run_launcher") == main
    assert overlay["run_monitoring"]["enabled"] is True


def _but(found: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key != name}


@pytest.mark.parametrize("path", [MAIN_FILE, OVERLAY_FILE], ids=lambda path: path.stem)
def test_dagster_takes_the_whole_file(path: Path) -> None:
    """Refuses names that Dagster does not know."""
    config, _ = dagster_instance_config(str(path.parent), path.name)
    assert config["storage"]["postgres"]["postgres_db"]["scheme"] == "postgresql+psycopg2"


@pytest.fixture
def launcher() -> DockerRunLauncher:
    """The launcher of the overlay, made by Dagster from the file."""
    said = settings(OVERLAY_FILE)["run_launcher"]
    data = ConfigurableClassData(said["module"], said["class"], yaml.safe_dump(said["config"]))
    made = data.rehydrate(as_type=DockerRunLauncher)
    assert isinstance(made, DockerRunLauncher)
    return made


def test_runs_get_every_variable_of_the_code_location(launcher: DockerRunLauncher) -> None:
    """One that the daemon does not have lets no run start."""
    code = set(environment(services(MAIN)["dagster-code"]))
    # A file: the proxy lets no folder of the host into a container. Runs serve
    # nothing and make no tokens.
    not_for_runs = {"DATASOURCE_CA_FILE", "DAGSTER_CODE_HOST", "DAGSTER_CODE_PORT", "JWT_SECRET"}
    assert code - not_for_runs <= set(launcher.env_vars)
    assert not not_for_runs & set(launcher.env_vars)
    daemon = {
        **environment(services(MAIN)["dagster-daemon"]),
        **environment(services(OVERLAY)["dagster-daemon"]),
    }
    passed_on_when_set = {name for name, value in daemon.items() if value is None}
    assert set(launcher.env_vars) <= set(daemon) - passed_on_when_set


def test_runs_find_the_networks_volumes_and_image_of_compose(launcher: DockerRunLauncher) -> None:
    networks: dict[str, Any] = {}
    for path in (MAIN, OVERLAY):
        networks |= yaml.safe_load(path.read_text(encoding="utf-8"))["networks"]
    code = services(MAIN)["dagster-code"]["networks"]
    assert set(launcher.networks) == {networks[name]["name"] for name in (*code, "docker")}
    volumes = yaml.safe_load(MAIN.read_text(encoding="utf-8"))["volumes"]
    assert launcher.container_kwargs["volumes"] == [
        f"{volumes['dagster']['name']}:/dagster/storage"
    ]
    image = environment(services(OVERLAY)["dagster-code"])["DAGSTER_CURRENT_IMAGE"]
    assert image == services(MAIN)["dagster-code"]["image"]


@dataclass
class Engine:
    """A Docker engine that does nothing, behind the rules of the overlay's proxy."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    created: dict[str, Any] = field(default_factory=dict)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Return status and answer of one request."""
        self.asked.append(f"{method} {path}")
        if not any(
            re.fullmatch(rule.partition("=")[2], path)
            for rule in words(services(OVERLAY)["docker-proxy"], "command")
            if rule.startswith(f"-allow{method}=")
        ):
            self.refused.append(f"{method} {path}")
            return 403, {"message": "forbidden"}
        if path == "/version":
            return 200, {"ApiVersion": "1.51", "MinAPIVersion": "1.24"}
        if path.endswith("/containers/create"):
            self.created = json.loads(body)
            return 201, {"Id": CONTAINER, "Warnings": []}
        if path.endswith("/json"):
            return 200, {"Id": CONTAINER, "State": {"Status": "running"}, "Config": {"Tty": True}}
        if "/networks/" in path and method == "GET":
            name = path.rsplit("/", 1)[1]
            return 200, {"Id": name, "Name": name}
        return (204, None) if path.endswith(("start", "stop")) else (200, {})


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Stand for the engine that DOCKER_HOST names."""
    found = Engine()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = found.answer(self.command, self.path.partition("?")[0], body)
            text = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = do_HEAD = _serve

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_address[1]}")
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dg.job
def some_job() -> None:
    """Stand for any."""


# 1. The launcher of the overlay makes a container for a run, joins it to the networks, starts it.
# 2. Run monitoring asks how it is, and a person ends it.
# 3. The proxy of the overlay lets all of that pass, and the container is as confined as the others.
def test_the_proxy_lets_the_launcher_do_its_work(
    launcher: DockerRunLauncher, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in launcher.env_vars:
        if name != "DOCKER_HOST":
            monkeypatch.setenv(name, f"value of {name}")
    with dg.instance_for_test() as instance:
        launcher.register_instance(instance)
        run = instance.create_run_for_job(some_job, status=dg.DagsterRunStatus.STARTED)
        launcher._launch_container_with_command(run, "promtsdb/dagster:0.1.0", ["dagster"])
        launched = instance.get_run_by_id(run.run_id)
        assert launched is not None
        assert launcher.check_run_worker_health(launched).status.value == "RUNNING"
        assert launcher.terminate(run.run_id)
    assert engine.refused == []
    assert engine.asked[-1].endswith("/stop")
    assert sum(asked.endswith("/connect") for asked in engine.asked) == len(launcher.networks) - 1
    host = engine.created["HostConfig"]
    assert host["AutoRemove"] is True
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"]
    assert "DATABASE_URL=value of DATABASE_URL" in engine.created["Env"]


def test_the_proxy_lets_a_replay_do_its_work(engine: Engine) -> None:
    """What PipesDockerClient asks, and the removal of the container afterwards."""
    client = docker.from_env()
    container = client.containers.create(
        "victoriametrics/vmalert:v1.150.0", ["vmalert"], name="promtsdb-replay-0123456789ab"
    )
    container.start()
    assert list(container.logs(stream=True, follow=True))
    assert container.wait() == {}
    container.stop()
    client.containers.get("promtsdb-replay-0123456789ab").remove(force=True)
    client.close()
    assert engine.refused == []
    assert engine.asked[-1].startswith("DELETE ")


@pytest.mark.parametrize(
    "request_",
    [
        "POST /v1.51/containers/create/x",
        "POST /v1.51/build",
        "POST /v1.51/images/create",
        "POST /v1.51/containers/abc/exec",
        "GET /v1.51/containers/json",
        "GET /v1.51/secrets",
        "PUT /v1.51/containers/abc/archive",
    ],
)
def test_the_proxy_lets_nothing_else_pass(request_: str) -> None:
    engine = Engine()
    method, path = request_.split()
    assert engine.answer(method, path, b"{}")[0] == 403
