"""The definitions load anywhere: without an environment, a network or a database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_WITHOUT_NETWORK = """
import socket

def refuse(*_):
    raise AssertionError("loading the definitions opened a connection")

socket.socket.connect = refuse
socket.socket.connect_ex = refuse
socket.getaddrinfo = refuse
import time
started = time.monotonic()
from promtsdb_dagster.definitions import defs
import dagster
dagster.Definitions.validate_loadable(defs)
print(len(defs.resolve_all_asset_keys()), f"{time.monotonic() - started:.2f}")
"""


def test_they_load_without_environment_and_network(
    record_property: Callable[[str, object], None], tmp_path: Path
) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _WITHOUT_NETWORK],
        cwd=ROOT,
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assets, seconds = result.stdout.split()
    assert int(assets) > 20
    # Shown and not asserted, since a busy machine must not fail a test.
    record_property("seconds to load the definitions (wanted: under 3)", seconds)


_WITHOUT_WHAT_ONLY_OTHERS_NEED = """
import sys
import promtsdb_dagster.definitions
heavy = (
    "alembic bench dagster_docker dagster_graphql dagster_webserver docker jwt matplotlib numpy "
    "prometheus_client promtsdb_dagster.cli promtsdb_dagster.commands promtsdb_dagster.localstack "
    "sqlalchemy"
)
print(*(name for name in heavy.split() if name in sys.modules))
"""


def test_they_load_nothing_that_only_commands_need() -> None:
    """Every code server and every run imports them: 1.2 s, of which Dagster itself takes 0.75."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _WITHOUT_WHAT_ONLY_OTHERS_NEED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


@pytest.mark.parametrize(
    "command",
    [
        ["dagster", "definitions", "validate", "-w", "workspace.yaml"],
        ["dg", "check", "defs"],
    ],
    ids=lambda command: command[0],
)
def test_dagsters_own_checks_pass(command: list[str], tmp_path: Path) -> None:
    program = Path(sys.executable).with_name(command[0])
    result = subprocess.run(
        [str(program), *command[1:]],
        cwd=ROOT,
        env={"HOME": str(tmp_path), "PATH": str(program.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import promtsdb_dagster.definitions"],
        cwd=ROOT,
        env={"HOME": str(tmp_path), "BACKFILL_START": "yesterday"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "BACKFILL_START='yesterday'" in result.stderr
