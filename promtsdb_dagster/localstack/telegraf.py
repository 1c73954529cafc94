"""Telegraf with the configuration of production: remote write in, staging tables out."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from promtsdb_dagster.adapters.rulefiles import load_routing
from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.ports import LOOPBACK
from promtsdb_dagster.localstack.processes import Identity, running_with
from promtsdb_dagster.localstack.prometheus import http_ok
from promtsdb_dagster.localstack.roles import ServiceRoles
from promtsdb_dagster.localstack.service import launch, own_link

USERNAME = "promtsdb"
METRICS = "telegraf-metrics"
_READY_SECONDS = 30.0


@dataclass(frozen=True)
class Telegraf:
    """One Telegraf below `folder`, which routes as the lists in `rules_dir` say."""

    folder: Path
    log: Path
    config: Path
    rules_dir: Path
    roles: ServiceRoles

    name = "telegraf"
    more_ports = (METRICS,)
    uses = ("postgres",)
    # At its end it writes what is in its buffers.
    stop_signals = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 5.0))

    def missing(self) -> str | None:
        """Return why it cannot run, as a sentence; None when it can."""
        if find_program(self.name) is None:
            return (
                "Telegraf is not installed: live rows come by `backfill_live` only; `make tools` "
                "builds it with Go"
            )
        return self.roles.missing()

    def leftovers(self) -> list[Identity]:
        """Return processes of this stack's Telegraf, whoever started them."""
        return running_with(self.name, str(self.folder.resolve() / self.config.name))

    def start(self, port: int, ports: Mapping[str, int], /) -> Identity:
        """Start it and wait until it takes samples; its tables may come later."""
        self.roles.make(ports["postgres"])
        routing = load_routing(self.rules_dir)
        link = own_link(self.folder, self.config)
        metrics = f"http://{LOOPBACK}:{ports[METRICS]}/metrics"
        return launch(
            self,
            [str(find_program(self.name)), "--strict-env-handling", "--config", str(link)],
            self.log,
            lambda: self.answers(port) and http_ok(metrics),
            seconds=_READY_SECONDS,
            folder=self.folder,
            environment={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(self.folder.resolve()),
                "TELEGRAF_LISTEN": f"{LOOPBACK}:{port}",
                "TELEGRAF_METRICS_LISTEN": f"{LOOPBACK}:{ports[METRICS]}",
                "TELEGRAF_USERNAME": USERNAME,
                "TELEGRAF_PASSWORD": self.roles.secrets.read().telegraf,
                "TELEGRAF_DATABASE_URL": self.roles.telegraf_url(ports["postgres"]),
                "TELEGRAF_GEO_METRICS": " ".join(sorted(routing.geo)),
                "TELEGRAF_CUMULATIVE_METRICS": " ".join(sorted(routing.cumulative)),
            },
        )

    def answers(self, port: int, /) -> bool:
        """Say whether it listens, and only to those who know its password."""
        return asks_for_password(port)


def asks_for_password(port: int) -> bool:
    """Say whether a Telegraf takes samples on a port of this machine, from those it knows only."""
    try:
        answer = httpx.get(f"http://{LOOPBACK}:{port}/write", timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.UNAUTHORIZED
