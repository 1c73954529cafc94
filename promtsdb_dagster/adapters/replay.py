"""How vmalert is asked to replay: a command line without secrets, their variables, and files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from promtsdb_dagster.adapters.discretion import Discretion
from promtsdb_dagster.core.replaying import Job
from promtsdb_dagster.errors import ConfigurationError

RULES_FILE = "rules.yaml"
CA_FILE = "ca.pem"
# A vmalert that hangs must not keep its place in the pool.
LONGEST_SECONDS = 900.0
# In front of a flag's name in the environment, where other users of the machine see nothing.
_PREFIX = "REPLAY_"
_SECOND = timedelta(seconds=1)
# Time, level and place in the source come before what is said.
_COMPLAINT = re.compile(r"\t(?:warn|error|fatal|panic)\t[^\t]*\t(.*)")
_LINES, _LINE_LENGTH = 3, 300


@dataclass(frozen=True)
class ReplayCommand:
    """Hold where vmalert asks and where it writes to, for every version since 1.79."""

    datasource_url: str
    telegraf_url: str
    datasource_username: str | None = None
    datasource_password: str | None = field(default=None, repr=False)
    datasource_token: str | None = field(default=None, repr=False)
    datasource_ca: str | None = field(default=None, repr=False)
    datasource_insecure: bool = False
    telegraf_username: str | None = None
    telegraf_password: str | None = field(default=None, repr=False)

    def arguments(self, job: Job, folder: str) -> list[str]:
        """Return the command line for a job whose files are in a folder."""
        flags = {
            "envflag.enable": "true",
            "envflag.prefix": _PREFIX,
            "rule": f"{folder}/{RULES_FILE}",
            "replay.timeFrom": _rfc3339(job.first),
            # Both ends count, and they may not be equal; no other instant is this near.
            "replay.timeTo": _rfc3339(job.last + _SECOND),
            "replay.maxDatapointsPerQuery": str(job.instants),
            # The rules of a job do not build upon one another.
            "replay.rulesDelay": "0s",
            "replay.disableProgressBar": "true",
            # Version 1.79 takes its step from here, and 0 means the group's; later ones do anyway.
            "datasource.queryStep": "0s",
            "remoteWrite.flushInterval": "1s",
            # Telegraf has one path; vmalert would append its own to it.
            "remoteWrite.disablePathAppend": "true",
        }
        if self.datasource_ca:
            flags["datasource.tlsCAFile"] = f"{folder}/{CA_FILE}"
        if self.datasource_insecure:
            flags["datasource.tlsInsecureSkipVerify"] = "true"
        return [f"-{name}={value}" for name, value in flags.items()]

    def environment(self) -> dict[str, str]:
        """Return the flags that may hold a secret, URLs among them, as variables."""
        flags = {
            "datasource.url": self.datasource_url,
            "datasource.basicAuth.username": self.datasource_username,
            "datasource.basicAuth.password": self.datasource_password,
            "datasource.bearerToken": self.datasource_token,
            "remoteWrite.url": self.telegraf_url,
            "remoteWrite.basicAuth.username": self.telegraf_username,
            "remoteWrite.basicAuth.password": self.telegraf_password,
        }
        return {_PREFIX + name.replace(".", "_"): value for name, value in flags.items() if value}

    def files(self, job: Job) -> Mapping[str, str]:
        """Return what must be in the folder, by name."""
        files = {RULES_FILE: job.rule_file()}
        if self.datasource_ca:
            files[CA_FILE] = self.datasource_ca
        return files

    def last_words(self, log: str) -> str:
        """Return what vmalert complained of last, for an error message, without the secrets."""
        log = self._discretion().hide(log)
        complaints = [match[1] for match in map(_COMPLAINT.search, log.splitlines()) if match]
        lines = list(dict.fromkeys(complaints or log.strip().splitlines()))[-_LINES:]
        return " | ".join(line.strip()[:_LINE_LENGTH] for line in lines)

    def _discretion(self) -> Discretion:
        return Discretion(
            *(self.datasource_password, self.datasource_token, self.telegraf_password),
            urls=(self.datasource_url, self.telegraf_url),
        )


@dataclass(frozen=True)
class ReplayContainer:
    """Name the image that replays, and the networks where it finds Telegraf and the source."""

    image: str
    networks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _, _, version = self.image.rpartition("/")[2].partition(":")
        if version in ("", "latest"):
            raise ConfigurationError(
                f"REPLAY_IMAGE={self.image!r} names no version, wanted one as in "
                "victoriametrics/vmalert:v1.150.0; add it"
            )


@dataclass(frozen=True)
class ReplaySetup:
    """Hold how this installation replays: by a container if there is one, else by a process."""

    command: ReplayCommand
    container: ReplayContainer | None = None
    # Taken as it is; else it is looked for in the folder of the tools and on the PATH.
    program: Path | None = None
    tools: Path | None = None


def _rfc3339(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
