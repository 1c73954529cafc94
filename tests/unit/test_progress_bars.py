"""A terminal gets bars that move; a pipe gets nothing of them, whatever the variables say."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from promtsdb_dagster.commands.progress import ConsoleLog, beside, is_live, progress_bars
from promtsdb_dagster.core.progress import Pace
from promtsdb_dagster.defs.reporting import progress_to


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _work(console: Console) -> None:
    with progress_bars(console):
        report = progress_to(ConsoleLog(console), "backfill_1w")
        report(0, 4)
        report(1, 4, amount=1_000)
        report(4, 4, amount=4_000)


def test_a_terminal_gets_a_bar_and_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = _Terminal()
    _work(Console(file=screen, width=100))
    shown = screen.getvalue()
    assert "backfill_1w" in shown
    assert "100%" in shown
    assert "4,000 rows" in shown
    assert "pieces of work to do" not in shown


def test_no_color_leaves_the_bar_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    screen = _Terminal()
    _work(Console(file=screen, width=100))
    assert "100%" in screen.getvalue()
    assert "\x1b[3" not in screen.getvalue()


@pytest.mark.parametrize("force", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_a_pipe_gets_lines_only(monkeypatch: pytest.MonkeyPatch, force: str) -> None:
    monkeypatch.setenv(force, "1")
    pipe = io.StringIO()
    _work(Console(file=pipe, width=100, color_system=None))
    first, last = pipe.getvalue().splitlines()
    assert first == "  0 %, 4 pieces of work to do"
    assert last.startswith("  100 %, 4,000 rows, 0 s in all")


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert not is_live(Console(file=_Terminal()))


def test_beside_a_bar_stands_how_fast_and_how_long() -> None:
    pace = Pace(3, 10, 12_000, 30.0, 400.0, 70.0)
    assert beside(pace, "") == "12,000 rows, 400 rows/s, about 70 s left"
    assert beside(Pace(3, 10, 0, 30.0, None, 70.0), "to noon") == "to noon, about 70 s left"
    assert beside(Pace(0, 10, 0, 0.0, None, None), "") == ""
