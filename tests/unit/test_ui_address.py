"""The Dagster UI knows no passwords, so our commands show it to nobody else by mistake."""

from __future__ import annotations

import pytest
from rich.console import Console

from promtsdb_dagster import cli
from promtsdb_dagster.commands import up
from promtsdb_dagster.settings import ROOT


class Started(Exception):
    """The command went on."""


@pytest.fixture(autouse=True)
def never_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> None:
        raise Started

    monkeypatch.setattr(up, "prepare_home", start)
    monkeypatch.setattr(up, "free_port", lambda port: port)


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
    assert "asks for no password" in readme
