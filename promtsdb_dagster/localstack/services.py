"""The services of the stack in the order of their start, behind one form each."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from promtsdb_dagster.localstack import postgres, prometheus, vmalert
from promtsdb_dagster.localstack.history import HistoryPlan
from promtsdb_dagster.localstack.ports import LOOPBACK
from promtsdb_dagster.localstack.processes import (
    Identity,
    running_with,
    spawn,
    stop,
    wait_ready,
)

if TYPE_CHECKING:
    from promtsdb_dagster.localstack.stack import Options

_EXPORTER = "promtsdb_dagster.localstack.exporter"
_EXPORTER_SIGNALS = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))


class Services:
    """Start and ask each service by name."""

    names = ("postgres", "exporter", "prometheus", "vmalert")

    def __init__(self, folder: Path, root: Path, options: Options) -> None:
        """Lay out the folders; nothing is touched."""
        self._folder = folder
        self._logs = folder / "logs"
        self.postgres = postgres.Cluster(
            folder / "postgres", self._log("postgres"), options.pg_bindir, options.timescaledb
        )
        self._prometheus = prometheus.Prometheus(
            folder / "prometheus",
            self._log("prometheus"),
            root / "docker" / "prometheus" / "prometheus.yml",
        )
        self._vmalert = vmalert.VMAlert(
            folder / "vmalert",
            self._log("vmalert"),
            (options.rules_dir or root / "rules") / "live.yaml",
            options.telegraf_url,
        )

    def prepare(self, plan: HistoryPlan, report: Callable[[str], None]) -> None:
        """Make what services find when they start for the first time."""
        self.postgres.prepare()
        self._prometheus.prepare(plan, report)

    def wanted(self) -> tuple[str, ...]:
        """Return the services that can run here, in the order of their start."""
        return self.names[:-1] if self._vmalert.missing() else self.names

    def skipped(self) -> list[str]:
        """Say in plain sentences what is absent and why."""
        absent = []
        if not self.postgres.has_timescaledb():
            absent.append(
                "TimescaleDB is not installed for this PostgreSQL server (or was not asked for), "
                "so the database runs the plain PostgreSQL variant"
            )
        missing = self._vmalert.missing()
        if missing:
            absent.append(missing)
        if not self._vmalert.telegraf_listens():
            absent.append(
                "Telegraf does not listen, so "
                + (
                    ""
                    if missing
                    else "vmalert evaluates the live rules but its results go nowhere, and "
                )
                + "live rows come by `backfill_live` only"
            )
        absent.append("PostgREST and Caddy are not part of the native stack: no HTTP API here")
        return absent

    def start(self, name: str, port: int, ports: Mapping[str, int]) -> Identity:
        """Start a service on `port` and wait until it answers; `ports` are the others'."""
        if name == "postgres":
            return self.postgres.start(port)
        if name == "exporter":
            return self._start_exporter(port)
        if name == "prometheus":
            return self._prometheus.start(port, ports["exporter"])
        return self._vmalert.start(port, f"http://{LOOPBACK}:{ports['prometheus']}")

    def answers(self, name: str, port: int) -> bool:
        """Say whether a service does its work."""
        if name == "postgres":
            return self.postgres.answers(port)
        if name == "exporter":
            return prometheus.http_ok(f"http://{LOOPBACK}:{port}/metrics")
        if name == "prometheus":
            return self._prometheus.answers(port)
        return self._vmalert.answers(port)

    def leftovers(self, name: str) -> list[Identity]:
        """Return processes of this service of this stack, whoever started them."""
        if name == "postgres":
            return self.postgres.leftovers()
        if name == "exporter":
            return running_with("python", _EXPORTER, self._exporter_argument)
        if name == "prometheus":
            return self._prometheus.leftovers()
        return self._vmalert.leftovers()

    def stop_signals(self, name: str) -> tuple[tuple[signal.Signals, float], ...]:
        """Return how a service wants to be stopped."""
        return {
            "postgres": postgres.STOP_SIGNALS,
            "exporter": _EXPORTER_SIGNALS,
            "prometheus": prometheus.STOP_SIGNALS,
            "vmalert": vmalert.STOP_SIGNALS,
        }[name]

    def _start_exporter(self, port: int) -> Identity:
        for who in self.leftovers("exporter"):
            stop(who, _EXPORTER_SIGNALS)
        command = [sys.executable, "-m", _EXPORTER, f"--port={port}", self._exporter_argument]
        who = spawn(command, self._log("exporter"))
        try:
            wait_ready(
                "exporter",
                lambda: self.answers("exporter", port),
                who,
                self._log("exporter"),
                30.0,
            )
        except BaseException:
            stop(who, _EXPORTER_SIGNALS)
            raise
        # A Prometheus that runs already follows to the new port.
        self._prometheus.point_to(port)
        return who

    @property
    def _exporter_argument(self) -> str:
        return f"--history={self._prometheus.history}"

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"
