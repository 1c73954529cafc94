"""Ways take turns, and what is reported is what was measured."""

from __future__ import annotations

import time

import pytest

from bench.measuring import Timings, alternate, percentile, ratio, timed


def test_every_round_begins_with_another_way() -> None:
    order: list[str] = []
    ways = {name: (lambda name=name: order.append(name)) for name in "abc"}
    alternate(ways, rounds=3, warm_up=1)
    assert "".join(order) == "abcbcacababc"


def test_warm_up_rounds_do_not_count() -> None:
    told = iter([9.0, 9.0, 1.0, 2.0, 3.0])
    found = alternate({"way": lambda: next(told)}, rounds=3, warm_up=2)
    assert found["way"].seconds == [1.0, 2.0, 3.0]
    assert found["way"].median == 2.0


def test_a_way_that_returns_a_float_has_timed_itself() -> None:
    found = alternate({"told": lambda: 5.0, "clocked": lambda: 5}, rounds=1, warm_up=0)
    assert found["told"].seconds == [5.0]
    assert 0 < found["clocked"].median < 5


def test_p95_is_the_nearest_rank() -> None:
    assert Timings([float(n) for n in range(100, 0, -1)]).p95 == 95.0
    assert Timings([3.0, 1.0, 2.0]).p95 == 3.0
    assert percentile([4.0], 50) == 4.0


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    """Not the ratio of the medians: a slow minute slows both ways of a round."""
    assert ratio(Timings([1.0, 20.0, 3.0]), Timings([2.0, 10.0, 3.0])) == 1.0
    with pytest.raises(ValueError, match="longer|shorter"):
        ratio(Timings([1.0]), Timings([1.0, 2.0]))


def test_timed_returns_the_seconds_of_the_work() -> None:
    before = time.perf_counter()
    seconds = timed(lambda: sum(range(1000)))
    assert 0 < seconds <= time.perf_counter() - before
