"""What the services say of their failures, and what everybody on the machine sees of them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.ports import free_port
from tests.fix_deployment import Deployment
from tests.fix_postgrest import CONFIGURATION
from tests.fix_telegraf import CONFIG, as_role, wait_until
from tests.integration.test_secrets import spellings

MARKS = {name: f"m4rk {name} p@ss/wörd" for name in ("database", "listener", "source")}
KEY = "m4rk key of tokens, which is long enough"


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[Path]:
    """Run a service; lend its log; then look for marks in it and in its arguments."""
    log = folder / "said.log"
    with log.open("wb") as sink:
        service = subprocess.Popen(
            [*command], cwd=folder, stdout=sink, stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        )  # fmt: skip
    try:
        yield log
        arguments = Path(f"/proc/{service.pid}/cmdline").read_bytes()
    finally:
        service.send_signal(signal.SIGTERM)
        try:
            service.wait(30)
        except subprocess.TimeoutExpired:
            service.kill()
            service.wait()
    seen = arguments + b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    for mark in [*MARKS.values(), KEY]:
        for spelled in spellings(mark):
            assert spelled not in seen, spelled


def program(name: str, find: Callable[[str], Path | str | None] = find_program) -> str:
    found = find(name)
    if found is None:
        pytest.skip(f"{name} is not there")
    return str(found)


def told(log: Path, *words: str) -> None:
    wait_until(
        lambda: any(word in log.read_text(errors="replace") for word in words),
        f"it complains of {words}", log=log,
    )  # fmt: skip


def postgrest(url: str, folder: Path) -> None:
    environment = {
        "POSTGREST_DATABASE_URL": as_role(url, "postgrest", quote(MARKS["database"], "")),
        "JWT_SECRET": KEY,
        "PGRST_SERVER_PORT": str(free_port()),
        "PGRST_ADMIN_SERVER_PORT": str(free_port()),
    }
    folder.mkdir()
    with running([program("postgrest"), str(CONFIGURATION)], environment, folder) as log:
        told(log, "refused", "password authentication failed")


def telegraf(url: str, folder: Path) -> None:
    environment = {
        "TELEGRAF_DATABASE_URL": as_role(url, "telegraf", quote(MARKS["database"], "")),
        "TELEGRAF_PASSWORD": MARKS["listener"],
        "TELEGRAF_LISTEN": f"127.0.0.1:{free_port()}",
        "TELEGRAF_METRICS_LISTEN": f"127.0.0.1:{free_port()}",
    }
    folder.mkdir()
    command = [program("telegraf"), "--strict-env-handling", "--config", str(CONFIG)]
    with running(command, environment, folder) as log:
        told(log, "refused", "password authentication failed")


@pytest.mark.parametrize("service", [postgrest, telegraf])
def test_a_database_that_is_away(service: Callable[[str, Path], None], tmp_path: Path) -> None:
    service(f"postgresql://nobody@127.0.0.1:{free_port()}/metrics", tmp_path / "away")


def test_a_wrong_password(deployment: Deployment, tmp_path: Path) -> None:
    """The server logs the refusal, too."""
    for service in (postgrest, telegraf):
        service(deployment.url(), tmp_path / service.__name__)
    log = deployment.log.read_bytes()
    assert log.count(b"password authentication failed") >= 2
    assert not [spelled for spelled in spellings(MARKS["database"]) if spelled in log]


@pytest.mark.parametrize("find", [find_program, shutil.which], ids=["ours", "the system's"])
def test_vmalert(find: Callable[[str], Path | str | None], tmp_path: Path) -> None:
    """Neither its source nor where it writes to is there."""
    away = f"127.0.0.1:{free_port()}"
    environment = {
        "datasource_url": f"http://me:{quote(MARKS['source'], '')}@{away}",
        "remoteWrite_url": f"http://{away}/write",
        "remoteWrite_basicAuth_username": "promtsdb",
        "remoteWrite_basicAuth_password": MARKS["listener"],
    }
    folder = tmp_path / "vmalert"
    folder.mkdir()
    # Each second: it waits for up to an interval before it asks for the first time.
    rules = folder / "rules.yaml"
    rules.write_text(
        "groups: [{name: each_second, interval: 1s, rules: [{record: one, expr: vector(1)}]}]"
    )
    command = [
        program("vmalert", find), "-envflag.enable", f"-rule={rules}",
        f"-httpListenAddr=127.0.0.1:{free_port()}", "-loggerLevel=INFO",
    ]  # fmt: skip
    with running(command, environment, folder) as log:
        told(log, "refused")
