"""The sample history in a real Prometheus, and its live continuation."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from promtsdb_dagster.localstack import Endpoints, LocalStack, Options
from promtsdb_dagster.localstack.fleet import fleet
from promtsdb_dagster.localstack.history import HistoryPlan
from promtsdb_dagster.settings import ROOT

pytestmark = pytest.mark.e2e

AMOUNTS = {"supply", "excluded_supply", "amount"}
# The scrape's own series; not those of the machines.
OURS = '{__name__!~"scrape_.*",job!~"|sample-exporter"}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of this module's stack."""
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="module")
def endpoints(folder: Path) -> Iterator[Endpoints]:
    """A running stack with three days of history."""
    stack = LocalStack(folder, ROOT, options=Options(history_days=3))
    with stack.running() as found:
        yield found
    stack.remove()


@pytest.fixture(scope="module")
def plan(folder: Path, endpoints: Endpoints) -> HistoryPlan:
    """What the history was made from."""
    assert endpoints
    return HistoryPlan.load(folder / "prometheus/tsdb/history.json")


def query(
    endpoints: Endpoints, expression: str, at: float | None = None
) -> list[dict[str, object]]:
    """Return the vector of an instant query."""
    parameters = {"query": expression} | ({"time": str(at)} if at is not None else {})
    url = f"{endpoints.datasource_url}/api/v1/query"
    answer = httpx.get(url, params=parameters, timeout=60, trust_env=False).json()
    assert answer["status"] == "success", answer
    return list(answer["data"]["result"])


def keys(vector: list[dict[str, object]]) -> set[frozenset[tuple[str, str]]]:
    """Return the label sets without amounts, which change by themselves."""
    return {
        frozenset((name, value) for name, value in each["metric"].items() if name not in AMOUNTS)  # type: ignore[attr-defined]
        for each in vector
    }


def test_every_bundled_rule_finds_its_source(endpoints: Endpoints, plan: HistoryPlan) -> None:
    """Each expression of each rule file, at the end of the past and in the middle of it."""
    middle = plan.end - 86_400
    empty = []
    for file in sorted((ROOT / "rules").glob("*.yaml")):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        for group in content.get("groups", ()):
            for rule in group["rules"] if isinstance(group, dict) else ():
                for at in (plan.end, middle):
                    if not query(endpoints, rule["expr"], at):
                        empty.append((file.name, rule["record"], at))
    assert empty == []


def test_every_series_of_the_fleet_is_stored(endpoints: Endpoints, plan: HistoryPlan) -> None:
    """What the network has at the end is what Prometheus answers there."""
    expected = {
        frozenset([("__name__", one.name), *((k, v) for k, v in one.labels if k not in AMOUNTS)])
        for one in fleet()
        if not one.gone
    }
    assert keys(query(endpoints, OURS, plan.end)) == expected
    gone = {one.name for one in fleet() if one.gone}
    assert gone
    assert query(endpoints, 'count_over_time(up{instance=~"saopaulo.*"}[3d])')
    assert not query(endpoints, 'up{instance=~"saopaulo.*"}', plan.end)


def test_gaps_are_in_prometheus(endpoints: Endpoints, plan: HistoryPlan) -> None:
    """Nothing at all within an outage, something on both sides."""
    for start, end in plan.gaps:
        for at, expected in ((start - 1, True), ((start + end) // 2, False), (end + 360, True)):
            assert bool(query(endpoints, "up", at)) is expected


def test_amounts_beyond_2_to_the_53_are_exact_labels(endpoints: Endpoints) -> None:
    """Exact text, more than one within the past, and the sample is 1."""
    for name, label in (
        ("netdata_prometheus_custom_exporter_local_manifest_tokenomics_total_supply_supply_average",
         "supply"),
        ("yaci_locked_tokens_count", "amount"),
        ("yaci_tokenomics_total_burn_amount", "amount"),
    ):  # fmt: skip
        found = query(endpoints, f'max_over_time({name}{{manifest_tier="mainnet"}}[3d])')
        amounts = [int(each["metric"][label]) for each in found]  # type: ignore[index]
        assert {each["value"][1] for each in found} == {"1"}  # type: ignore[index]
        assert len([amount for amount in amounts if amount > 2**53]) > 3


def test_live_scrapes_go_on_with_the_same_series(endpoints: Endpoints, plan: HistoryPlan) -> None:
    """Same label sets, instance and job included, and samples younger than the history."""
    deadline = time.monotonic() + 60
    newest = "max(timestamp(up{job=~'netdata.*'}))"
    while True:
        found = query(endpoints, newest)
        if found and float(found[0]["value"][1]) > plan.end + 1:  # type: ignore[index]
            break
        assert time.monotonic() < deadline, "no live scrape within 60 s"
        threading.Event().wait(0.2)
    parameters = {"match[]": OURS, "start": str(plan.end + 1)}
    url = f"{endpoints.datasource_url}/api/v1/series"
    series = httpx.get(url, params=parameters, trust_env=False).json()["data"]
    live = keys([{"metric": each} for each in series])
    assert live == keys(query(endpoints, OURS, plan.end))
    targets = httpx.get(f"{endpoints.datasource_url}/api/v1/targets", trust_env=False).json()
    assert [each["lastError"] for each in targets["data"]["activeTargets"]] == [""]
