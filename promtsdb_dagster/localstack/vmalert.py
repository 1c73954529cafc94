"""vmalert on the live rules, where it is installed."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.ports import LOOPBACK, is_listening
from promtsdb_dagster.localstack.processes import (
    Identity,
    running_with,
    spawn,
    stop,
    wait_ready,
)
from promtsdb_dagster.localstack.prometheus import http_ok

# It has no state, and with no Telegraf it would try for long to write its last results.
STOP_SIGNALS = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
_READY_SECONDS = 30.0


@dataclass(frozen=True)
class VMAlert:
    """One vmalert below `folder`, evaluating `rules` and writing the results to Telegraf."""

    folder: Path
    log: Path
    rules: Path
    telegraf_url: str

    def missing(self) -> str | None:
        """Return why it cannot run, as a sentence; None when it can."""
        if _program() is None:
            return (
                "vmalert is not installed, so live rules are not evaluated; "
                "`sudo apt-get install victoria-metrics` has it where the distribution does"
            )
        if not self.rules.exists():
            return f"vmalert has nothing to evaluate: {self.rules} does not exist"
        return None

    def telegraf_listens(self) -> bool:
        """Say whether the results of the rules have somewhere to go."""
        return is_listening(self.telegraf_url)

    def leftovers(self) -> list[Identity]:
        """Return processes of this stack's vmalert, whoever started them."""
        return running_with("vmalert", self._rule_argument)

    def start(self, port: int, datasource_url: str) -> Identity:
        """Start it and wait until it answers."""
        for who in self.leftovers():
            stop(who, STOP_SIGNALS)
        self.folder.mkdir(parents=True, exist_ok=True)
        # A link of the stack's own: it tells this vmalert from any other on the same rules.
        link = self.folder / self.rules.name
        link.unlink(missing_ok=True)
        link.symlink_to(self.rules.resolve())
        command = [str(_program()), self._rule_argument, f"-datasource.url={datasource_url}"]
        command += [f"-httpListenAddr={LOOPBACK}:{port}", "-evaluationInterval=1m"]
        # Telegraf has one path; vmalert would append its own to it. The address is wanted even
        # when nobody listens there: without one, vmalert refuses recording rules.
        command += [f"-remoteWrite.url={self.telegraf_url}", "-remoteWrite.disablePathAppend"]
        # It complains about every failed write; with no Telegraf that would be all of them.
        command.append(f"-loggerLevel={'WARN' if self.telegraf_listens() else 'FATAL'}")
        who = spawn(command, self.log, folder=self.folder)
        try:
            wait_ready("vmalert", lambda: self.answers(port), who, self.log, _READY_SECONDS)
        except BaseException:
            stop(who, STOP_SIGNALS)
            raise
        return who

    def answers(self, port: int) -> bool:
        """Say whether it is healthy."""
        return http_ok(f"http://{LOOPBACK}:{port}/health")

    @property
    def _rule_argument(self) -> str:
        return f"-rule={self.folder.resolve() / self.rules.name}"


def _program() -> Path | None:
    return find_program("vmalert") or find_program("vmalert-prod")
