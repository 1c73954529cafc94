"""The sample history: deterministic, with gaps, and continued by the exporter without a seam."""

from __future__ import annotations

import io
import re
from itertools import pairwise
from pathlib import Path

import pytest

from promtsdb_dagster.errors import StackError
from promtsdb_dagster.localstack.exporter import Fleet
from promtsdb_dagster.localstack.fleet import fleet
from promtsdb_dagster.localstack.history import (
    HistoryPlan,
    present,
    series_text,
    write_openmetrics,
)
from promtsdb_dagster.localstack.shapes import Amount, SourceSeries

NOW = 1_790_000_007
PLAN = HistoryPlan(now=NOW, days=2, dense_hours=3)
LINE = re.compile(r"^(?P<name>[a-zA-Z_]\w*)\{(?P<labels>.*)\} (?P<value>\S+) (?P<time>\d+)$")


def text_of(plan: HistoryPlan, times: list[int]) -> str:
    """Return the OpenMetrics text of the whole fleet at `times`."""
    file = io.StringIO()
    count = write_openmetrics(plan, list(fleet()), times, file)
    text = file.getvalue()
    assert count == sum(1 for line in text.splitlines() if not line.startswith("#"))
    return text


def samples(plan: HistoryPlan, times: list[int]) -> dict[str, dict[int, float]]:
    """Return value by time by series."""
    found: dict[str, dict[int, float]] = {}
    for line in text_of(plan, times).splitlines():
        if match := LINE.match(line):
            key = f"{match['name']}{{{match['labels']}}}"
            at = found.setdefault(key, {})
            assert int(match["time"]) not in at, f"two samples at one instant: {line}"
            at[int(match["time"])] = float(match["value"])
        else:
            assert line.startswith("#"), line
    return found


def test_same_plan_same_text() -> None:
    """The plan decides everything; another seed is another history."""
    times = PLAN.instants()[-50:]
    assert text_of(PLAN, times) == text_of(PLAN, times)
    other = HistoryPlan(now=NOW, days=2, dense_hours=3, seed=8)
    assert text_of(PLAN, times) != text_of(other, times)


def test_instants_have_two_resolutions_and_end_before_now() -> None:
    """Coarse steps, then dense ones, without a hole, and nothing in the future."""
    times = PLAN.instants()
    steps = [later - earlier for earlier, later in pairwise(times)]
    assert set(steps) == {300, 30}
    assert steps == sorted(steps, reverse=True)
    assert NOW - 30 < times[-1] <= NOW
    assert times[0] >= NOW - 2 * 86_400
    assert times[-1] - 3 * 3_600 >= times[steps.index(30)] - 300


def test_default_history_is_longer_than_sixty_days() -> None:
    """The default plan covers the asked past."""
    times = HistoryPlan(now=NOW).instants()
    assert times[-1] - times[0] > 60 * 86_400


def test_series_are_unique_and_named_by_instance_and_job() -> None:
    """Without both labels the scrape would add its own, and live differed from the past."""
    keys = [(one.name, frozenset(one.labels)) for one in fleet()]
    assert len(keys) == len(set(keys))
    for one in fleet():
        names = [name for name, _ in one.labels]
        assert {"instance", "job"} <= set(names)
        assert len(names) == len(set(names))


def test_gaps_are_real_and_the_gone_stay_away() -> None:
    """An outage of everything, a machine down for hours, one gone, one that came later."""
    by_instance: dict[str, set[int]] = {}
    found = samples(PLAN, PLAN.instants())
    for key, values in found.items():
        if key.startswith("up{"):
            name = re.search(r'instance="([^.]+)', key)
            assert name
            by_instance[name[1]] = set(values)
    everything = set(PLAN.instants())
    for start, end in PLAN.gaps:
        missing = {t for t in everything if start <= t < end}
        assert missing
        for times in by_instance.values():
            assert not missing & times
    steady = by_instance["ops-1"]
    assert steady == {t for t in everything if not any(a <= t < b for a, b in PLAN.gaps)}
    assert len(steady - by_instance["frankfurt-1"]) > 20
    assert max(by_instance["saopaulo-1"]) < NOW - 0.25 * PLAN.days * 86_400
    assert min(by_instance["web-2"]) >= NOW - 0.55 * PLAN.days * 86_400
    assert max(steady) == PLAN.end


def test_amounts_are_exact_past_2_to_the_53_and_change() -> None:
    """Mainnet's amounts are labels that no float64 holds; the sample is 1."""
    found = samples(PLAN, PLAN.instants())
    amounts: dict[str, list[int]] = {}
    for key, values in found.items():
        if 'manifest_tier="mainnet"' in key and (
            match := re.search(r',(supply|excluded_supply|amount)="(\d+)"', key)
        ):
            assert set(values.values()) == {1.0}
            if 'manifest_app="sentry"' not in key:
                amounts.setdefault(key.partition("{")[0], []).append(int(match[2]))
    assert len(amounts) == 8
    for name, values in amounts.items():
        assert len(values) >= 2, name
        assert all(value > 2**53 for value in values), name
        assert any(int(float(value)) != value for value in values), name


def test_amount_holds_between_changes() -> None:
    """A period is half-open."""
    amount = Amount("amount", 10, 5, 100, origin=1_000)
    assert amount.amount(1_099) == amount.amount(1_000) == 10
    assert amount.amount(1_100) == 16


def test_values_move() -> None:
    """Nearly all gauges have more than one value within a day."""
    times = PLAN.instants()[:288]
    moving = [key for key, values in samples(PLAN, times).items() if len(set(values.values())) > 9]
    assert len(moving) > 150


def test_exporter_serves_the_series_of_the_past() -> None:
    """One second after the last sample: same label sets, same values but for that second."""
    past = samples(PLAN, [PLAN.end])
    live: dict[str, float] = {}
    for family in Fleet(PLAN).at(PLAN.end):
        for sample in family.samples:
            live[series_text(sample.name, tuple(sample.labels.items()))] = sample.value
    assert live == {key: values[PLAN.end] for key, values in past.items()}


def test_present_cuts_out_half_open_ranges() -> None:
    """Ranges may overlap, lie outside or cover everything."""
    times = list(range(0, 100, 10))
    assert list(present(times, ())) == [(0, 10)]
    assert list(present(times, ((20, 40),))) == [(0, 2), (4, 10)]
    assert list(present(times, ((30, 50), (20, 40), (90, 2**62)))) == [(0, 2), (5, 9)]
    assert list(present(times, ((-5, 1_000),))) == []
    assert list(present([], ((0, 1),))) == []


def test_label_values_are_escaped() -> None:
    """Backslash, quote and line feed as the exposition format wants them."""
    one = SourceSeries("x", (("a", 'b\\c"d\ne'),), next(fleet()).shape)
    assert series_text(one.name, one.labels) == 'x{a="b\\\\c\\"d\\ne"}'


def test_plan_survives_its_file(tmp_path: Path) -> None:
    """What is loaded is what was saved; anything else says what to do."""
    file = tmp_path / "history.json"
    PLAN.save(file)
    assert HistoryPlan.load(file) == PLAN
    for content in ("", "[]", '{"then": 1}'):
        file.write_text(content)
        with pytest.raises(StackError, match=r"history\.json .*start the stack again"):
            HistoryPlan.load(file)
