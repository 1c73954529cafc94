"""Partitions tile history from a fixed start, and nothing of it is left out."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.windows import Window, split
from promtsdb_dagster.defs.groups import backfill_groups
from promtsdb_dagster.defs.partitions import DAY, WEEK, Grid
from tests.dagster.fakes import NOW, START


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("asset", "first", "last"),
    [
        # Wednesday noon: the week of today has begun, and so has the day.
        ("backfill_forever", "2023-05-10", "2026-11-18"),
        ("backfill_1y", "2023-05-10", "2026-11-11"),
        ("backfill_1w", "2023-05-10", "2026-11-17"),
        ("backfill_live", "2023-05-10", "2026-11-18"),
    ],
)
def test_first_and_newest_partition(asset: str, first: str, last: str) -> None:
    grid = next(group for group in backfill_groups(START) if group.asset == asset).grid
    keys = grid.definition.get_partition_keys(NOW)
    assert (keys[0], keys[-1]) == (first, last)
    assert grid.window(last).end == grid.end(NOW)


@given(
    offset=st.integers(0, 1500),
    days=st.integers(0, 1400),
    seconds=st.integers(0, 86_399),
    weekly=st.booleans(),
    ahead=st.booleans(),
)
def test_our_arithmetic_is_dagsters(
    offset: int, days: int, seconds: int, weekly: bool, ahead: bool
) -> None:
    start = datetime(2020, 1, 1, tzinfo=timezone.utc) + timedelta(days=offset)
    grid = Grid(start, WEEK if weekly else DAY, ahead)
    now = start + timedelta(days=days, seconds=seconds)
    keys = grid.definition.get_partition_keys(now)
    covered = grid.covering(Window(start, now + WEEK), now)
    ours = (
        []
        if covered is None
        else [grid.key(w.start) for w in split(covered, grid.period, grid.start)]
    )
    assert ours == keys
    windows = [grid.window(key) for key in keys]
    assert not windows or windows[0].start == start
    assert all(one.end == two.start for one, two in pairwise(windows))


@pytest.mark.parametrize(
    ("asset", "start", "end"),
    [
        ("backfill_forever", "2023-05-10", "2026-11-25"),
        ("backfill_1y", "2025-11-12", "2026-11-11"),
        ("backfill_1w", "2026-11-11", "2026-11-18"),
        ("backfill_live", "2026-11-18", "2026-11-19"),
    ],
)
def test_the_range_that_history_asks_of_each_group(asset: str, start: str, end: str) -> None:
    group = next(group for group in backfill_groups(START) if group.asset == asset)
    assert group.history(Policy(START), NOW) == Window(_utc(start), _utc(end))


@given(minutes=st.integers(400 * 1440, 1300 * 1440))
def test_history_leaves_no_moment_of_a_gauge_out(minutes: int) -> None:
    now = START + timedelta(minutes=minutes)
    year, week, live = (g for g in backfill_groups(START) if g.asset != "backfill_forever")
    policy = Policy(START)
    ranges = [group.history(policy, now) for group in (year, week, live)]
    assert all(ranges)
    covered = [window for window in ranges if window]
    assert covered[0].start <= now - policy.retention
    assert covered[0].end >= covered[1].start
    assert covered[1].end == covered[2].start
    assert covered[2].start <= now < covered[2].end


def test_a_start_on_another_weekday_loses_no_day() -> None:
    monday = _utc("2024-01-01")
    keys = Grid(monday, WEEK, ahead=False).definition.get_partition_keys(_utc("2024-01-16"))
    assert keys == ["2024-01-01", "2024-01-08"]
