"""What the stack asks of each of its services, and how all of them are started."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from promtsdb_dagster.localstack.processes import Identity, spawn, stop, wait_ready

Signals = tuple[tuple[signal.Signals, float], ...]


class Service(Protocol):
    """One program of the stack; its port, and its further ones, are chosen for it."""

    @property
    def name(self) -> str:
        """Return the name of the service, of its port and of its log."""

    @property
    def more_ports(self) -> Sequence[str]:
        """Return the names of the ports that it needs beside the one of its own name."""

    @property
    def uses(self) -> Sequence[str]:
        """Return the names of ports that it is told once: when one changes, it starts again."""

    @property
    def stop_signals(self) -> Signals:
        """Return how it wants to be stopped: each signal with seconds to obey."""

    def missing(self) -> str | None:
        """Return why it cannot run here, as a sentence; None when it can."""

    def start(self, port: int, ports: Mapping[str, int], /) -> Identity:
        """Start it and wait until it answers; `ports` are those of all that runs, by name."""

    def answers(self, port: int, /) -> bool:
        """Say whether it does its work."""

    def leftovers(self) -> list[Identity]:
        """Return processes of this service of this stack, whoever started them."""


def launch(
    service: Service,
    command: Sequence[str],
    log: Path,
    ready: Callable[[], bool],
    *,
    seconds: float,
    user: str | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Identity:
    """Start a service in place of what is left of it, and wait until it is ready.

    Raises StackError with the log's end when it is not within `seconds`; nothing is left then.
    """
    for who in service.leftovers():
        stop(who, service.stop_signals)
    who = spawn(command, log, user=user, folder=folder, environment=environment)
    try:
        wait_ready(service.name, ready, who, log, seconds)
    except BaseException:
        stop(who, service.stop_signals)
        raise
    return who


def own_link(folder: Path, file: Path) -> Path:
    """Make a link to `file` in a service's folder: its path tells this stack's processes from
    those of another stack on the same file."""
    folder.mkdir(parents=True, exist_ok=True)
    link = folder.resolve() / file.name
    link.unlink(missing_ok=True)
    link.symlink_to(file.resolve())
    return link
