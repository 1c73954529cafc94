"""What a browser's tests and pictures lack is named with its command before anything starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pictures import browser

pytest.importorskip("playwright", reason="playwright is not installed")


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Chromium, and a Python in whose place a script answers."""
    monkeypatch.setattr(browser, "find_chromium", lambda: tmp_path / "chromium")
    program = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(program))
    return program


def script(program: Path, text: str) -> None:
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


def test_a_driver_that_starts_is_enough(driver: Path) -> None:
    script(driver, '[ "$*" = "-m playwright --version" ]')
    assert browser.missing() is None


def test_a_library_that_is_not_there_is_told(driver: Path) -> None:
    script(driver, "echo 'node: libatomic.so.1: cannot open shared object file' >&2; exit 127")
    why = browser.missing() or ""
    assert why.startswith("playwright does not start: node: libatomic.so.1: cannot open")
    assert why.endswith("`sudo apt-get install libatomic1`")


def test_a_driver_that_dies_without_a_word_is_told(driver: Path) -> None:
    script(driver, "exit 1")
    assert "it says nothing" in (browser.missing() or "")


def test_no_browser_is_told_first(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "find_chromium", lambda: None)
    assert "`sudo apt-get install chromium`" in (browser.missing() or "")
