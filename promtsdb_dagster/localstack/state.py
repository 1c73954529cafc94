"""What is running now, in one file, and the lock that lets one starter at a time touch it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from promtsdb_dagster.errors import StackError
from promtsdb_dagster.localstack.processes import Identity, alive


@dataclass(frozen=True)
class Running:
    """One started service: its process, its ports, and those of others that it was told."""

    process: Identity
    port: int
    more: dict[str, int] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)


@dataclass
class State:
    """The services in the order of their start, and who relies on them."""

    services: dict[str, Running] = field(default_factory=dict)
    users: list[Identity] = field(default_factory=list)
    # Started by a command that has ended since: runs until somebody says stop.
    detached: bool = False
    skipped: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> State:
        """Read the state; one that was never written or is not readable is an empty one."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                {
                    name: Running(
                        Identity(**each["process"]),
                        each["port"],
                        each.get("more", {}),
                        each.get("told", {}),
                    )
                    for name, each in content["services"].items()
                },
                [Identity(**each) for each in content["users"]],
                content["detached"],
                content["skipped"],
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def save(self, path: Path) -> None:
        """Replace the file at once: a reader sees the old state or the new one."""
        new = path.with_suffix(".new")
        new.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        new.replace(path)

    def is_running(self, name: str) -> bool:
        """Say whether the process that was recorded for a service still runs."""
        return name in self.services and alive(self.services[name].process)

    def ports(self, names: Collection[str]) -> dict[str, int]:
        """Return the ports of these services by name, their further ones included."""
        found = {}
        for name, running in self.services.items():
            if name in names:
                found.update({name: running.port, **running.more})
        return found

    def forget_dead_users(self) -> None:
        """Drop users whose process has ended without saying so."""
        self.users = [user for user in self.users if alive(user)]

    @property
    def in_use(self) -> bool:
        """Say whether somebody relies on the services."""
        return self.detached or bool(self.users)


@contextlib.contextmanager
def locked(path: Path, patience_seconds: float) -> Iterator[None]:
    """Hold the lock file; the kernel frees it when its holder is killed.

    Raises StackError when another one holds it for longer than `patience_seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + patience_seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StackError(
                        f"another process has been starting or stopping the stack for more than "
                        f"{patience_seconds:.0f} s (it holds {path}); wait for it or end it"
                    ) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(file)
