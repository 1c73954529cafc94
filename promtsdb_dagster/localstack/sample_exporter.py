"""The exporter of the imaginary network as a service."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from promtsdb_dagster.localstack.ports import LOOPBACK
from promtsdb_dagster.localstack.processes import Identity, running_with
from promtsdb_dagster.localstack.prometheus import Prometheus, http_ok
from promtsdb_dagster.localstack.service import launch

_PROGRAM = "promtsdb_dagster.localstack.exporter"
_READY_SECONDS = 30.0


@dataclass(frozen=True)
class SampleExporter:
    """One exporter, which goes on from the history of the stack's Prometheus."""

    log: Path
    prometheus: Prometheus

    name = "exporter"
    more_ports = ()
    uses = ()
    stop_signals = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))

    def missing(self) -> str | None:
        """Return None: it is part of this package."""

    def leftovers(self) -> list[Identity]:
        """Return processes of this stack's exporter, whoever started them."""
        return running_with("python", _PROGRAM, self._argument)

    def start(self, port: int, _ports: Mapping[str, int], /) -> Identity:
        """Start it and wait until it answers; a Prometheus that runs follows to the new port."""
        command = [sys.executable, "-m", _PROGRAM, f"--port={port}", self._argument]
        ready = _READY_SECONDS
        who = launch(self, command, self.log, lambda: self.answers(port), seconds=ready)
        self.prometheus.point_to(port)
        return who

    def answers(self, port: int, /) -> bool:
        """Say whether its page can be had."""
        return http_ok(f"http://{LOOPBACK}:{port}/metrics")

    @property
    def _argument(self) -> str:
        return f"--history={self.prometheus.history}"
