"""The containers of Compose as processes on this machine: same commands, files and checks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from promtsdb_dagster.localstack.binaries import find_postgres
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.settings import ROOT, load_settings
from tests.compose import environment, resolved, services, words
from tests.fix_postgres import Cluster

SECRETS = {
    "POSTGRES_PASSWORD": "superuser",
    "OWNER_PASSWORD": "owner",
    "DAGSTER_DB_PASSWORD": "dagster",
    "TELEGRAF_DB_PASSWORD": "telegraf",
    "POSTGREST_DB_PASSWORD": "postgrest",
    "TELEGRAF_PASSWORD": "remote-write",
    "JWT_SECRET": "0123456789abcdef0123456789abcdef",
    "DATASOURCE_URL": "http://127.0.0.1:9",
    "API_PUBLIC_URL": "https://api.example.org",
}
PORTS = ("3000", "3001", "3002", "3030", "4000", "5432", "8880", "9273", "9274")
# Other names that containers have in one of their networks.
ALIASES = {
    alias
    for service in services().values()
    if isinstance(networks := service["networks"], dict)
    for network in networks.values()
    for alias in (network or {}).get("aliases", [])
}
# What images bring beside what Compose mounts.
FOLDERS = {"/etc/caddy/": f"{ROOT}/docker/caddy/"}


@dataclass
class Native:
    """One stack; `home` is the folder that is /dagster in the containers."""

    home: Path
    cluster: Cluster
    ports: dict[str, str] = field(
        default_factory=lambda: {port: str(free_port()) for port in PORTS}
    )
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let the database be where the cluster is."""
        self.ports["5432"] = str(self.cluster.port)

    def here(self, text: str) -> str:
        """Return what Compose says of containers as what it is on this machine."""
        text = resolved(text, SECRETS)
        text = re.sub(rf"\b({'|'.join(services())})(?=:\d)", "127.0.0.1", text)
        text = re.sub(rf"\b({'|'.join(PORTS)})\b", lambda port: self.ports[port[0]], text)
        for target, source in self._folders().items():
            text = text.replace(target, source)
        return text.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - inside containers only

    def port(self, number: int) -> int:
        """Return the port here of one in a container."""
        return int(self.ports[str(number)])

    def variables(self, name: str) -> dict[str, str]:
        """Return the environment of a container, and what its image sets."""
        given = {k: v for k, v in environment(services()[name]).items() if v is not None}
        found = {k: self.here(v) for k, v in given.items()}
        found |= {k: "127.0.0.1" for k, v in given.items() if v in services() or v in ALIASES}
        path = (Path(sys.executable).parent, ROOT / "tools/bin", find_postgres(_bindir()).folder)
        return {
            # Every container has these ports to itself.
            "TELEGRAF_LISTEN": f"127.0.0.1:{self.ports['9273']}",
            "TELEGRAF_METRICS_LISTEN": f"127.0.0.1:{self.ports['9274']}",
            "PGRST_SERVER_PORT": self.ports["3001"],
            "PGRST_ADMIN_SERVER_PORT": self.ports["3002"],
            "PGPORT": self.ports["5432"],
            "DAGSTER_WEBSERVER_PORT": self.ports["3030"],
            **found,
            "PATH": os.pathsep.join([*map(str, path), os.environ["PATH"]]),
            "HOME": str(self.home),
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }

    def run(self, name: str) -> None:
        """Run a step to its end."""
        told = subprocess.run(
            self._command(name), cwd=ROOT, env=self.variables(name),
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert told.returncode == 0, told.stderr[-4000:]

    def start(self, name: str, image: tuple[str, ...] = ()) -> None:
        """Start a service and wait until its own health check passes.

        `image` is the command of its image, for those to which Compose gives none or only flags.
        """
        with self.log(name).open("ab") as output:
            self.processes[name] = subprocess.Popen(
                [*map(self.here, image), *self._command(name)],
                cwd=ROOT,
                env=self.variables(name),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.await_(f"{name} is healthy", lambda: self.is_healthy(name))

    def is_healthy(self, name: str) -> bool:
        """Say what the service's own check says."""
        check = [self.here(word) for word in words(services()[name], "healthcheck")]
        if check[:2] == ["postgrest", "--ready"] and not _knows_ready():
            # What the flag asks; releases before 14 do not have it.
            check = ["wget", "-qO-", f"http://127.0.0.1:{self.ports['3002']}/ready"]
        told = subprocess.run(
            check, cwd=ROOT, env=self.variables(name), capture_output=True, check=False, timeout=60
        )
        return told.returncode == 0

    def kill(self, name: str) -> None:
        """End a service and all that it started, as the end of a container does."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)

    def await_(self, what: str, is_true: Callable[[], bool], seconds: float = 120) -> None:
        """Return as soon as something is true, or fail with the ends of the logs."""
        deadline = time.monotonic() + seconds
        while not is_true():
            dead = [name for name, each in self.processes.items() if each.poll() is not None]
            if dead or time.monotonic() > deadline:
                logs = {name: self.log(name).read_text()[-3000:] for name in self.processes}
                pytest.fail(f"waited in vain until {what} (ended: {dead}):\n{logs}")
            # Not a guess at how long it takes: the loop ends when the answer is there.
            time.sleep(0.2)

    def log(self, name: str) -> Path:
        """Return where a service writes."""
        return self.home.parent / f"{name}.log"

    def _command(self, name: str) -> list[str]:
        service = services()[name]
        return [self.here(w) for w in (*words(service, "entrypoint"), *words(service, "command"))]

    def _folders(self) -> dict[str, str]:
        found = {"/dagster/": f"{self.home}/", **FOLDERS}
        for service in services().values():
            for volume in service.get("volumes", []):
                source, target = volume.split(":")[:2]
                if source.startswith("."):
                    found[target] = str((ROOT / "docker" / source).resolve())
        return found


def _bindir() -> Path | None:
    return load_settings().pg_bindir


def _knows_ready() -> bool:
    told = subprocess.run(["postgrest", "--help"], capture_output=True, text=True, check=False)
    return "--ready" in told.stdout
