"""`scripts/lint-compose`, which asks a real Compose."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from promtsdb_dagster.settings import ROOT


def asked(folder: Path, compose: str) -> subprocess.CompletedProcess[str]:
    """Run the lint with nothing but a few tools and one `docker-compose`."""
    for name in ("sh", "dirname", "sed", "sort"):
        (folder / name).symlink_to(shutil.which(name) or name)
    if compose:
        program = folder / "docker-compose"
        program.write_text(f"#!/bin/sh\n{compose}\n", encoding="utf-8")
        program.chmod(0o755)
    return subprocess.run(
        [str(ROOT / "scripts/lint-compose")],
        env={"PATH": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_without_compose_it_says_so(tmp_path: Path) -> None:
    told = asked(tmp_path, "")
    assert told.returncode == 0
    assert "no Docker Compose here" in told.stderr


def test_files_that_compose_refuses_are_an_error(tmp_path: Path) -> None:
    told = asked(tmp_path, "echo wrong >&2; exit 1")
    assert told.returncode != 0
    assert "wrong" in told.stderr


def test_a_start_without_a_required_variable_is_an_error(tmp_path: Path) -> None:
    told = asked(tmp_path, "exit 0")
    assert told.returncode == 1
    assert "and Compose starts without it" in told.stderr


def test_a_real_compose_takes_the_files() -> None:
    compose = shutil.which("docker-compose") or shutil.which("docker")
    told = subprocess.run(
        [str(ROOT / "scripts/lint-compose")], capture_output=True, text=True, check=False
    )
    if compose is None or "no Docker Compose here" in told.stderr:
        pytest.skip("without Docker Compose; `apt-get install docker-compose-v2` has it")
    assert told.returncode == 0, told.stderr
