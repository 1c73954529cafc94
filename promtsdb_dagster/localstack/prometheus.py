"""A Prometheus with a past, which scrapes the sample exporter."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from promtsdb_dagster.errors import StackError
from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.history import HistoryPlan, write_blocks
from promtsdb_dagster.localstack.ports import LOOPBACK
from promtsdb_dagster.localstack.processes import Identity, running_with
from promtsdb_dagster.localstack.service import launch

_READY_SECONDS = 90.0
# Longer than any history: the pipeline clips to the retention itself.
_RETENTION = "100y"
_INSTALL = "`sudo apt-get install prometheus` has both"


@dataclass(frozen=True)
class Prometheus:
    """A server below `folder`, configured by the same file as in Compose."""

    folder: Path
    log: Path
    config: Path

    name = "prometheus"
    more_ports = ()
    # It follows to another port of the exporter by itself.
    uses = ()
    stop_signals = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 5.0))

    @property
    def history(self) -> Path:
        """Return the file with the plan of the sample history."""
        return self.folder / "tsdb" / "history.json"

    def prepare(self, plan: HistoryPlan, report: Callable[[str], None]) -> None:
        """Create the sample history unless there is one; safe to repeat after an interruption."""
        if self.history.exists():
            return
        making = self.folder / "tsdb.making"
        for unfinished in (making, self.folder / "tsdb"):
            shutil.rmtree(unfinished, ignore_errors=True)
        making.mkdir(parents=True)
        report(f"making {plan.days:g} days of sample history for Prometheus")
        write_blocks(plan, making / "data", _program("promtool"), report)
        plan.save(making / self.history.name)
        making.rename(self.folder / "tsdb")

    def missing(self) -> str | None:
        """Return None: the stack is nothing without it, so its start says what is missing."""

    def leftovers(self) -> list[Identity]:
        """Return servers on this data folder that run, whoever started them."""
        return running_with("prometheus", self._storage)

    def start(self, port: int, ports: Mapping[str, int], /) -> Identity:
        """Start the server and wait until it answers."""
        self.point_to(ports["exporter"])
        config = self.folder / "prometheus.yml"
        shutil.copyfile(self.config, config)
        command = [str(_program("prometheus")), f"--config.file={config}", self._storage]
        command += [f"--storage.tsdb.retention.time={_RETENTION}", "--log.level=warn"]
        command += [f"--web.listen-address={LOOPBACK}:{port}"]
        return launch(
            self,
            command,
            self.log,
            lambda: self.answers(port),
            seconds=_READY_SECONDS,
            folder=self.folder,
        )

    def point_to(self, exporter_port: int) -> None:
        """Tell the server where the exporter is; a running one follows within seconds."""
        targets = self.folder / "targets"
        targets.mkdir(parents=True, exist_ok=True)
        new = targets / "exporter.new"
        new.write_text(f"- targets: ['{LOOPBACK}:{exporter_port}']\n", encoding="utf-8")
        new.replace(targets / "exporter.yml")

    def answers(self, port: int, /) -> bool:
        """Say whether the server is ready for queries."""
        return http_ok(f"http://{LOOPBACK}:{port}/-/ready")

    @property
    def _storage(self) -> str:
        return f"--storage.tsdb.path={self.folder.resolve() / 'tsdb' / 'data'}"


def http_ok(url: str) -> bool:
    """Say whether a GET is answered with 200."""
    try:
        # A proxy of the environment has no business on the loopback address.
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _program(name: str) -> Path:
    found = find_program(name)
    if found is None:
        raise StackError(f"{name} is not on the PATH, wanted Prometheus >= 2.42; {_INSTALL}")
    return found
