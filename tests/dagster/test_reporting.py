"""Progress is told now and then, in words a person would use."""

from __future__ import annotations

from datetime import timedelta

import pytest

from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.reporting import counted, format_seconds, progress_to, window_list
from tests.dagster.fakes import START


def test_progress_is_told_once_in_a_while_with_the_time_left() -> None:
    said: list[str] = []
    now = [100.0]
    report = progress_to(said.append, clock=lambda: now[0], every=5)
    for done, seconds in ((1, 101.0), (2, 106.0), (3, 107.0), (9, 130.0), (10, 140.0)):
        now[0] = seconds
        report(done, 10, f"{done} rows")
    assert said == ["20 %, 2 rows, about 24 s left", "90 %, 9 rows, about 3 s left"]


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
