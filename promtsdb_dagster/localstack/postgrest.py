"""PostgREST with the configuration of production, where it is installed."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.ports import LOOPBACK
from promtsdb_dagster.localstack.processes import Identity, running_with
from promtsdb_dagster.localstack.prometheus import http_ok
from promtsdb_dagster.localstack.roles import ServiceRoles
from promtsdb_dagster.localstack.service import launch, own_link

ADMIN = "postgrest-admin"
_READY_SECONDS = 60.0


@dataclass(frozen=True)
class Postgrest:
    """One PostgREST below `folder`, over the stack's database."""

    folder: Path
    log: Path
    config: Path
    roles: ServiceRoles

    name = "postgrest"
    more_ports = (ADMIN,)
    # Its description names the door in front of it.
    uses = ("postgres", "caddy")
    stop_signals = ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0))

    def missing(self) -> str | None:
        """Return why it cannot run, as a sentence; None when it can."""
        if find_program(self.name) is None:
            return (
                "PostgREST is not on the PATH: no HTTP API, and no Caddy before it; put "
                "`postgrest` >= 12 there"
            )
        return self.roles.missing()

    def leftovers(self) -> list[Identity]:
        """Return processes of this stack's PostgREST, whoever started them."""
        return running_with(self.name, str(self.folder.resolve() / self.config.name))

    def start(self, port: int, ports: Mapping[str, int], /) -> Identity:
        """Start it and wait until it knows the schema, which may be empty still."""
        self.roles.make(ports["postgres"])
        link = own_link(self.folder, self.config)
        ready = f"http://{LOOPBACK}:{ports[ADMIN]}/ready"
        return launch(
            self,
            [str(find_program(self.name)), str(link)],
            self.log,
            lambda: http_ok(ready),
            seconds=_READY_SECONDS,
            folder=self.folder,
            environment={
                "PATH": os.environ.get("PATH", os.defpath),
                "PGRST_SERVER_HOST": LOOPBACK,
                "PGRST_SERVER_PORT": str(port),
                "PGRST_ADMIN_SERVER_PORT": str(ports[ADMIN]),
                "PGRST_OPENAPI_SERVER_PROXY_URI": f"http://{LOOPBACK}:{ports.get('caddy', port)}",
                "POSTGREST_DATABASE_URL": self.roles.postgrest_url(ports["postgres"]),
                "JWT_SECRET": self.roles.secrets.read().jwt,
            },
        )

    def answers(self, port: int, /) -> bool:
        """Say whether it describes its API."""
        return http_ok(f"http://{LOOPBACK}:{port}/")
