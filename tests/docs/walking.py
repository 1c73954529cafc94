"""Walk through the tutorial, and the pages that need its stack, in two terminals."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.settings import ROOT
from tests.docs.mapping import TUTORIAL
from tests.docs.test_commands import mapped_to
from tests.pages import run

_READY = "Ctrl-C stops everything"
_SECONDS = 180
_API = "http://localhost:3000"


def walk(state: Path, environment: Mapping[str, str], *, api: bool) -> str:
    """Do what the tutorial says beside `make up`, end with Ctrl-C, and return what was printed.

    `api` says whether the stack has PostgREST and Caddy; without them nothing calls it.
    """
    after, words = [], []
    for command in mapped_to(TUTORIAL):
        if command in ("make demo", "make up") or (_calls_api(command) and not api):
            continue
        (after if command.endswith("localstack remove") else words).append(command)
    assert words
    assert after
    # First the line that points to the stack; the API is where the stack has it.
    words.sort(key=lambda command: not command.startswith("eval"))
    script = "\n".join(words).replace(f"'{_API}", '"$API_URL"\'').replace(_API, "$API_URL")
    script = script.replace("curl ", "curl --fail-with-body --silent --show-error ")
    given = {
        **environment,
        "PROMTSDB_STATE_DIR": str(state),
        "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}",
    }
    with _up(given):
        said = run(script, given, state)
    return said + run("\n".join(after), given, state)


def _calls_api(command: str) -> bool:
    return any(sign in command for sign in ("$API_URL", _API, "promtsdb token"))


@contextmanager
def _up(environment: Mapping[str, str]) -> Iterator[None]:
    """Keep `make up` running in a terminal of its own, until Ctrl-C."""
    process = subprocess.Popen(
        ["make", "--old-file", "setup", "up", f"PORT={free_port()}"],
        cwd=ROOT, env=environment, text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    printed: Queue[str] = Queue()
    reader = Thread(target=_read, args=(process, printed), daemon=True)
    reader.start()
    try:
        _await_ready(printed)
        yield
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join()
        assert process.stdout
        process.stdout.close()


def _read(process: subprocess.Popen[str], printed: Queue[str]) -> None:
    assert process.stdout
    for line in process.stdout:
        printed.put(line)
    printed.put("")


def _await_ready(printed: Queue[str]) -> None:
    seen: list[str] = []
    while True:
        try:
            line = printed.get(timeout=_SECONDS)
        except Empty:
            line = ""
        assert line, f"`make up` did not get ready:\n{''.join(seen)}"
        seen.append(line)
        if _READY in line:
            return
