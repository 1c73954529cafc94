"""What is newest: of the last day, of each metric, of mainnet at all."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.sql.world import (
    DAY,
    EXCLUDED,
    HOUR,
    MINUTE,
    PRICE,
    World,
    days_ago,
    minutes_ago,
)

LATEST = [
    "get_latest_circulating_supply",
    "get_latest_burned_supply",
    "get_latest_fdv",
    "get_latest_market_cap",
    "get_all_latest_token_metrics",
]


def test_the_newest_minute_of_the_last_day(world: World) -> None:
    newest = minutes_ago(5)
    for at, total in ((newest - 2 * HOUR, 5000), (newest, 1000)):
        world.put_supply("mainnet", at, total=total, excluded=100, tokens=20, fees=3)
        world.put(PRICE, "common", at, "0.5")
        world.put("total_mfx_burned", "mainnet", at, total // 10)
    # The other tier's, and newer parts without a total supply.
    world.put_supply("testnet", newest + MINUTE, total=7, excluded=1, tokens=1, fees=1)
    world.put(EXCLUDED, "mainnet", newest + MINUTE, excluded_supply="999")
    world.settle()

    assert world.ask("get_latest_circulating_supply", "mainnet") == [(newest, "877")]
    assert world.ask("get_latest_burned_supply", "mainnet") == [(newest, "100")]
    assert world.ask("get_latest_fdv", "mainnet") == [(newest, "500")]
    assert world.ask("get_latest_market_cap", "mainnet") == [(newest, "438.5")]
    assert world.ask("get_all_latest_token_metrics", "mainnet") == [
        (newest, "circulating_supply", "877"),
        (newest, "fdv", "500"),
        (newest, "market_cap", "438.5"),
    ]
    # Without a price in that minute.
    assert world.ask("get_latest_circulating_supply", "testnet") == [(newest + MINUTE, "4")]
    assert world.ask("get_latest_fdv", "testnet") == [(newest + MINUTE, "0")]
    assert world.ask("get_latest_market_cap", "testnet") == [(newest + MINUTE, "0")]
    assert world.ask("get_latest_burned_supply", "testnet") == []


@pytest.mark.parametrize("function", LATEST)
def test_nothing_older_than_a_day(world: World, function: str) -> None:
    at = minutes_ago(25 * 60)
    world.put_supply("mainnet", at, total=1, excluded=0, tokens=0, fees=0)
    world.put("total_mfx_burned", "mainnet", at)
    world.settle()
    assert world.ask(function, "mainnet") == []


def test_calculated_metrics_are_seen_before_a_refresh(world: World) -> None:
    older, newer = minutes_ago(90), minutes_ago(3)
    world.put_supply("mainnet", older, total=10, excluded=0, tokens=0, fees=0)
    world.settle()
    world.put_supply("mainnet", newer, total=20, excluded=1, tokens=0, fees=0)
    world.store()
    assert world.ask("get_latest_circulating_supply", "mainnet") == [(newer, "19")]
    assert world.ask("get_latest_mainnet_total_supply_value") == [(Decimal(20),)]


def test_numbers_of_mainnet_are_its_newest_however_old(world: World) -> None:
    start = days_ago(30)
    world.put_supply("mainnet", start, total=9 * 10**20, excluded=0, tokens=0, fees=0)
    world.put_supply(
        "mainnet", start + DAY, total=123427004070058399997, excluded=1, tokens=2, fees=3
    )
    world.put_supply("testnet", start + 2 * DAY, total=10**25, excluded=0, tokens=0, fees=0)
    world.settle()
    assert world.ask("get_latest_mainnet_total_supply_value") == [
        (Decimal("123427004070058399997"),)
    ]
    assert world.ask("get_latest_mainnet_circulating_supply_value") == [
        (Decimal("123427004070058399991"),)
    ]


def test_numbers_of_mainnet_are_null_without_data(world: World) -> None:
    assert world.ask("get_latest_mainnet_total_supply_value") == [(None,)]
    assert world.ask("get_latest_mainnet_circulating_supply_value") == [(None,)]


@pytest.mark.parametrize("schema", ["mainnet", "testnet", "common"])
def test_the_newest_of_each_metric_by_name(world: World, schema: str) -> None:
    function = f"get_all_latest_{schema}_metrics"
    assert world.ask(function) == []
    start = days_ago(100)
    world.put("web_sites", schema, start, 8)
    world.put("Zebra".lower(), schema, start + HOUR, "0.50")
    world.put("node_count", schema, start, 3)
    world.put("node_count", schema, start + 50 * DAY, 2)
    world.put("node_total", schema, start, supply="9007199254740993")
    for other in {"mainnet", "testnet", "common"} - {schema}:
        world.put("elsewhere", other, start, 1)
    world.settle()
    assert world.ask(function) == [
        (start + 50 * DAY, "node_count", "2"),
        (start, "node_total", "9007199254740993"),
        (start, "web_sites", "8"),
        (start + HOUR, "zebra", "0.5"),
    ]


def test_the_total_of_each_cumulative_metric_by_name(world: World) -> None:
    assert world.ask("get_all_latest_cumsum_metrics") == []
    start = days_ago(300)
    world.put("web_requests", "cumsum", start, "9007199254740993")
    world.put("web_requests", "cumsum", start + 100 * DAY, "0.50")
    world.put("system_tcp_sent", "cumsum", start, 7)
    world.settle()
    assert world.ask("get_all_latest_cumsum_metrics") == [
        (start, "system_tcp_sent", "7"),
        (start + 100 * DAY, "web_requests", "9007199254740993.5"),
    ]
