"""Progress is told now and then, in words a person would use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.reporting import (
    counted,
    format_seconds,
    progress_shown_by,
    progress_to,
    window_list,
)
from tests.dagster.fakes import START


class _Log:
    """Keep lines, by whether everybody should see them."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.kept: list[str] = []

    def info(self, msg: str) -> None:
        self.seen.append(msg)

    def debug(self, msg: str) -> None:
        self.kept.append(msg)


def _work(log: _Log, marks: Sequence[tuple[int, float, int]], total: int = 10) -> None:
    now = [100.0]
    report = progress_to(log, "backfill_1w", clock=lambda: now[0], every=5)
    for done, seconds, rows in marks:
        now[0] = seconds
        report(done, total, amount=rows)


def test_progress_is_told_at_once_then_once_in_a_while_and_at_the_end() -> None:
    log = _Log()
    marks = [(0, 100.0, 0), (1, 101.0, 500), (2, 106.0, 1_200), (3, 107.0, 2_000)]
    _work(log, [*marks, (9, 130.0, 9_000), (10, 140.0, 10_000)])
    assert log.seen == [
        "0 %, 10 pieces of work to do",
        "20 %, 1,200 rows, 200 rows/s, about 24 s left",
        "90 %, 9,000 rows, 300 rows/s, about 3 s left",
        "100 %, 10,000 rows, 40 s in all, 250 rows/s",
    ]
    assert not log.kept


def test_the_time_left_is_that_of_the_last_half_minute() -> None:
    log = _Log()
    # An hour for the first half, ten seconds for each piece since.
    _work(log, [(0, 100.0, 0), *((5 + n, 3_700.0 + 10 * n, 5_000 + n) for n in range(5))])
    assert log.seen[1] == "50 %, 5,000 rows, 1 rows/s, about 60 min left"
    assert log.seen[-1] == "90 %, 5,004 rows, 0 rows/s, about 10 s left"


def test_who_looks_at_a_bar_gets_every_step_and_the_run_keeps_the_lines() -> None:
    log, steps = _Log(), []
    with progress_shown_by(lambda about, pace, what: steps.append((about, pace.percent))):
        _work(log, [(0, 100.0, 0), (1, 101.0, 1), (10, 102.0, 2)])
    assert steps == [("backfill_1w", 0), ("backfill_1w", 10), ("backfill_1w", 100)]
    assert log.kept == ["0 %, 10 pieces of work to do", "100 %, 2 rows, 2 s in all, 1 rows/s"]
    assert not log.seen


def test_nothing_is_told_of_no_work() -> None:
    log = _Log()
    _work(log, [(0, 100.0, 0)], total=0)
    assert not log.seen


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (9000, "2.5 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_counts() -> None:
    assert [counted(n, "row") for n in (0, 1, 1234)] == ["0 rows", "1 row", "1,234 rows"]


def test_long_lists_of_windows_are_cut_and_say_so() -> None:
    hour = timedelta(hours=1)
    windows = [Window(START + n * 2 * hour, START + (n * 2 + 1) * hour) for n in range(25)]
    value = window_list(windows).value
    assert isinstance(value, list)
    assert len(value) == 21
    assert value[-1] == "... and 5 more"
