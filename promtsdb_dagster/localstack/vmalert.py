"""vmalert on the live rules, where it is installed."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from promtsdb_dagster.localstack.accounts import write_secret
from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.ports import LOOPBACK, is_listening
from promtsdb_dagster.localstack.processes import Identity, running_with
from promtsdb_dagster.localstack.prometheus import http_ok
from promtsdb_dagster.localstack.secret_file import SecretFile
from promtsdb_dagster.localstack.service import launch, own_link
from promtsdb_dagster.localstack.telegraf import USERNAME

_READY_SECONDS = 30.0


@dataclass(frozen=True)
class Receiver:
    """Somebody who takes remote write."""

    url: str = "http://localhost:9273/write"
    username: str = USERNAME
    password: str | None = field(default=None, repr=False)

    def listens(self) -> bool:
        """Say whether somebody is there."""
        return is_listening(self.url)


@dataclass(frozen=True)
class VMAlert:
    """One vmalert below `folder`, evaluating `rules` and writing the results to Telegraf."""

    folder: Path
    log: Path
    rules: Path
    # Results are for instants at least this old, at which the source changes nothing any more.
    settle_seconds: int
    secrets: SecretFile
    # Where results go while the stack has no Telegraf of its own.
    elsewhere: Receiver

    name = "vmalert"
    more_ports = ()
    uses = ("prometheus", "telegraf")
    # It has no state, and with no Telegraf it would try for long to write its last results.
    stop_signals = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))

    def missing(self) -> str | None:
        """Return why it cannot run, as a sentence; None when it can."""
        if vmalert_program() is None:
            return (
                "vmalert is not installed: live rules are not evaluated; `make tools` builds it "
                "with Go, Debian has it in `victoria-metrics`"
            )
        if not self.rules.exists():
            return f"vmalert has nothing to evaluate: {self.rules} does not exist"
        return None

    def leftovers(self) -> list[Identity]:
        """Return processes of this stack's vmalert, whoever started them."""
        return running_with(self.name, f"-rule={self.folder.resolve() / self.rules.name}")

    def start(self, port: int, ports: Mapping[str, int], /) -> Identity:
        """Start it and wait until it answers."""
        receiver = self.elsewhere
        if "telegraf" in ports:
            url = f"http://{LOOPBACK}:{ports['telegraf']}/write"
            receiver = Receiver(url, USERNAME, self.secrets.read().telegraf)
        program = str(vmalert_program())
        command = [program, f"-rule={own_link(self.folder, self.rules)}"]
        command += [f"-datasource.url=http://{LOOPBACK}:{ports['prometheus']}"]
        command += [f"-httpListenAddr={LOOPBACK}:{port}", "-evaluationInterval=1m"]
        command += self.timing(program)
        # Telegraf has one path; vmalert would append its own to it. The address is wanted even
        # when nobody listens there: without one, vmalert refuses recording rules.
        command += [f"-remoteWrite.url={receiver.url}", "-remoteWrite.disablePathAppend"]
        if receiver.password:
            file = self.folder.resolve() / "telegraf.password"
            write_secret(file, receiver.password, None)
            command.append(f"-remoteWrite.basicAuth.username={receiver.username}")
            command.append(f"-remoteWrite.basicAuth.passwordFile={file}")
        # It complains about every failed write; with no Telegraf that would be all of them.
        command.append(f"-loggerLevel={'WARN' if receiver.listens() else 'FATAL'}")
        return launch(
            self,
            command,
            self.log,
            lambda: self.answers(port),
            seconds=_READY_SECONDS,
            folder=self.folder,
        )

    def answers(self, port: int, /) -> bool:
        """Say whether it is healthy."""
        return http_ok(f"http://{LOOPBACK}:{port}/health")

    def timing(self, program: str) -> list[str]:
        """Return the flags that decide when it asks for what; they differ between versions."""
        known = subprocess.run(
            [program, "-help"], capture_output=True, text=True, check=False, timeout=30
        )
        help_text = known.stdout + known.stderr
        delay = "rule.evalDelay" if "-rule.evalDelay " in help_text else "datasource.lookback"
        flags = [f"-{delay}={self.settle_seconds}s"]
        if "-group.maxStartDelay " in help_text:
            # One group, so no load to spread; nobody shall wait a minute for the first result.
            flags.append("-group.maxStartDelay=1s")
        if "-remoteWrite.retryMaxTime " in help_text:
            # Telegraf may be started again meanwhile, and no minute is lost.
            flags.append("-remoteWrite.retryMaxTime=10m")
        return flags


def vmalert_program() -> Path | None:
    """Return vmalert, by either of its names, or None."""
    return find_program("vmalert") or find_program("vmalert-prod")
