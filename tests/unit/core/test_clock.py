"""A source whose clock differs would have empty windows taken for done."""

from __future__ import annotations

from datetime import timedelta

import pytest

from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.windows import EPOCH, Window
from promtsdb_dagster.errors import ClockSkew, InputError
from tests.doubles.memory import MemorySource, MemoryStore

NOW = EPOCH + timedelta(days=20_000)


def backfill(source_ahead: timedelta) -> Backfill:
    source = MemorySource(lambda *_: {}, NOW + source_ahead)
    return Backfill(source, MemoryStore(), {}, Routing(), Policy(history_start=EPOCH))


@pytest.mark.parametrize("seconds", [-61, 61, 86_400])
def test_a_clock_that_differs_by_more_than_the_settling_time_is_refused(seconds: int) -> None:
    with pytest.raises(ClockSkew, match="at most 60 s; set both by NTP"):
        backfill(timedelta(seconds=seconds)).check_clock(NOW)


@pytest.mark.parametrize("seconds", [-59, 0, 59])
def test_a_small_difference_is_taken(seconds: int) -> None:
    backfill(timedelta(seconds=seconds)).check_clock(NOW)


def test_a_group_that_no_rule_file_has_is_named() -> None:
    with pytest.raises(InputError, match="no rule group 'hourly'"):
        backfill(timedelta()).run("hourly", [Window(EPOCH, NOW)], now=NOW)
