"""The Dagster UI knows no passwords, so our commands show it to nobody else by mistake."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from rich.console import Console

from promtsdb_dagster import cli
from promtsdb_dagster.commands import up
from promtsdb_dagster.commands.lock import only_daemon
from promtsdb_dagster.settings import ROOT


class Started(Exception):
    """The command went on."""


@pytest.fixture(autouse=True)
def never_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> None:
        raise Started

    monkeypatch.setattr(up, "prepare_home", start)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org", ""])  # noqa: S104
def test_an_address_that_others_reach_takes_a_word(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["up", "--host", host]) == cli.REFUSED
    said = capsys.readouterr().err
    assert "asks for no password" in said
    assert "--without-password" in said
    with pytest.raises(Started):
        cli.main(["up", "--host", host, "--without-password"])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_takes_none(host: str) -> None:
    with pytest.raises(Started):
        up.up(Console(), host, 3030)


def test_the_default_is_loopback_everywhere() -> None:
    with pytest.raises(Started):
        cli.main(["up"])
    assert "--host" not in (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "asks for no password" in " ".join(readme.split())


@pytest.mark.parametrize("port", ["abc", "0", "99999", "-1", "30 30"])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["up", "--port", port])
    assert stop.value.code == cli.REFUSED
    assert f"{port!r} is no port, wanted a number from 1 to 65535" in capsys.readouterr().err


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of the test's own; nothing behind the port is reached."""

    def start(*_: object, **__: object) -> None:
        raise Started

    monkeypatch.setattr(up, "prepare_home", lambda: tmp_path)
    monkeypatch.setattr(up, "open_site", start)
    return tmp_path


@pytest.mark.usefixtures("home")
def test_a_port_that_is_taken_is_told_with_one_that_is_free(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main(["up", "--port", str(port)]) == cli.REFUSED
    said = capsys.readouterr().err
    assert f"port {port} of 127.0.0.1 cannot be had for the Dagster UI: Address already" in said
    free = int(re.search(r"make up PORT=(\d+)", said)[1])  # type: ignore[index]
    assert free != port
    with pytest.raises(Started):
        cli.main(["up", "--port", str(free)])


def test_who_has_a_first_one_running_is_told_of_it_before_its_port(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with only_daemon(home) as lock:
        lock.remember(url="http://127.0.0.1:3030")
        assert cli.main(["up", "--port", "1"]) == cli.REFUSED
    said = capsys.readouterr().err
    assert "with the UI on http://127.0.0.1:3030" in said
    assert "port 1 " not in said
