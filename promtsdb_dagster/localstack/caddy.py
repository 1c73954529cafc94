"""Caddy with the configuration of production: the door in front of PostgREST."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.ports import LOOPBACK
from promtsdb_dagster.localstack.postgrest import Postgrest
from promtsdb_dagster.localstack.processes import Identity, running_with
from promtsdb_dagster.localstack.service import launch, own_link

_READY_SECONDS = 30.0


@dataclass(frozen=True)
class Caddy:
    """One Caddy below `folder`."""

    folder: Path
    log: Path
    config: Path
    postgrest: Postgrest

    name = "caddy"
    more_ports = ()
    uses = ("postgrest",)
    stop_signals = ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0))

    def missing(self) -> str | None:
        """Return why it cannot run, as a sentence; None when it can."""
        if find_program(self.name) is None:
            return (
                "Caddy is not installed: nothing stands before the API; `make tools` builds it "
                "with Go"
            )
        return self.postgrest.missing()

    def leftovers(self) -> list[Identity]:
        """Return processes of this stack's Caddy, whoever started them."""
        return running_with(self.name, str(self.folder.resolve() / self.config.name))

    def start(self, port: int, ports: Mapping[str, int], /) -> Identity:
        """Start it and wait until it answers."""
        link = own_link(self.folder, self.config)
        home = str(self.folder.resolve())
        return launch(
            self,
            [str(find_program(self.name)), "run", "--config", str(link), "--adapter", "caddyfile"],
            self.log,
            lambda: self.answers(port),
            seconds=_READY_SECONDS,
            folder=self.folder,
            environment={
                "PATH": os.environ.get("PATH", os.defpath),
                # Where it would keep certificates and the like.
                "HOME": home,
                "XDG_DATA_HOME": home,
                "XDG_CONFIG_HOME": home,
                "API_BIND": LOOPBACK,
                "API_LISTEN": f":{port}",
                "POSTGREST_URL": f"http://{LOOPBACK}:{ports['postgrest']}",
            },
        )

    def answers(self, port: int, /) -> bool:
        """Say whether it answers by itself, also when PostgREST does not."""
        try:
            answer = httpx.options(f"http://{LOOPBACK}:{port}/", timeout=5, trust_env=False)
        except httpx.HTTPError:
            return False
        # 429 is its own work, too.
        return answer.status_code in (httpx.codes.NO_CONTENT, httpx.codes.TOO_MANY_REQUESTS)
