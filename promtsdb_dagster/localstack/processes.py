"""Processes that outlive the one that started them, known by pid and start time."""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promtsdb_dagster.errors import StackError

_LOG_LIMIT_BYTES = 5_000_000
_POLL_SECONDS = 0.05

# Our own children, kept so that they can be reaped; others belong to init.
_children: dict[int, subprocess.Popen[bytes]] = {}


@atexit.register
def _let_go() -> None:
    """Keep Popen from warning of services that outlive us on purpose."""
    for child in _children.values():
        if child.poll() is None:
            child.returncode = 0


@dataclass(frozen=True)
class Identity:
    """A process, and not another one that got its pid later or after a reboot."""

    pid: int
    started: str


def identity(pid: int) -> Identity | None:
    """Return who runs under `pid` now; None when nobody does, zombies included."""
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]
        return None
    linux = Path("/proc/self/stat").exists()
    started = _started_linux(pid) if linux else _started_ps(pid)
    return Identity(pid, started) if started else None


def alive(who: Identity) -> bool:
    """Say whether this very process still runs."""
    return identity(who.pid) == who


def _started_linux(pid: int) -> str | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The command may hold blanks and brackets; what follows the last bracket may not.
    state, *rest = fields[fields.rindex(")") + 2 :].split()
    return None if state in "ZX" else f"{boot}:{rest[18]}"


def _started_ps(pid: int) -> str | None:
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    line = answer.stdout.strip()
    return None if not line or line.startswith("Z") else line.split(None, 1)[1]


def running_with(program: str, *arguments: str) -> list[Identity]:
    """Return all processes of `program` that have each of `arguments`, whole."""
    return [
        who
        for pid, command in _command_lines()
        if Path(command[0]).name.startswith(program)
        and set(arguments) <= set(command)
        and (who := identity(pid))
    ]


def _command_lines() -> Iterator[tuple[int, list[str]]]:
    if Path("/proc/self/cmdline").exists():
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError):
                    text = (folder / "cmdline").read_bytes().decode(errors="replace")
                    yield int(folder.name), text.split("\0")
        return
    listing = subprocess.run(
        ["ps", "-axo", "pid=,command="], capture_output=True, text=True, check=False
    )
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        yield int(pid), command.split()


def as_user(user: str | None) -> dict[str, Any]:
    """Return the arguments that make `subprocess` run something as `user`."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def spawn(
    command: Sequence[str],
    log: Path,
    *,
    user: str | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Identity:
    """Start `command` in a session of its own, its output appended to `log`."""
    _keep_short(log)
    with log.open("ab") as output:
        try:
            child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=dict(environment) if environment is not None else None,
                # Ctrl-C in the terminal must reach the stack, which stops them in order.
                start_new_session=True,
                **as_user(user),
            )
        except OSError as error:
            raise StackError(
                f"{command[0]} does not start: {error}; is it installed and executable?"
            ) from error
    _children[child.pid] = child
    started = identity(child.pid)
    if started is None:
        raise StackError(f"{command[0]} ended at once; its last words: {last_words(log)}")
    return started


def stop(who: Identity, signals: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn, each with seconds to obey; return at once when it is gone."""
    for number, patience in signals:
        if not alive(who):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(who.pid, number)
        deadline = time.monotonic() + patience
        while alive(who):
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)
    if alive(who):
        raise StackError(f"process {who.pid} does not end, not even by SIGKILL; end it by hand")


def wait_ready(
    name: str, ready: Callable[[], bool], who: Identity, log: Path, deadline_seconds: float
) -> None:
    """Return when `ready()` says so; raise StackError with the log's end when it never does."""
    deadline = time.monotonic() + deadline_seconds
    while not ready():
        if not alive(who):
            raise StackError(f"{name} ended while starting; its last words: {last_words(log)}")
        if time.monotonic() > deadline:
            raise StackError(
                f"{name} was not ready within {deadline_seconds:.0f} s; "
                f"its last words: {last_words(log)}"
            )
        time.sleep(_POLL_SECONDS)


def last_words(log: Path, lines: int = 8) -> str:
    """Return the end of a log, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            text = file.read().decode(errors="replace")
    except OSError:
        text = ""
    return " | ".join(text.strip().splitlines()[-lines:]) + f" (more in {log})"


def _keep_short(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".old.log"))
