"""Series over time, against answers computed by hand."""

from __future__ import annotations

from datetime import datetime

from tests.sql.world import DAY, EXCLUDED, HOUR, MINUTE, PRICE, TOTAL, World, days_ago

START = days_ago(40)
TOMORROW = START + DAY


def test_the_largest_of_each_interval_newest_first(world: World) -> None:
    for minute, value in ((0, 3), (1, 5), (59, 4), (60, 2)):
        world.put("node_count", "common", START + minute * MINUTE, value)
    world.put("node_count", "mainnet", START, 99)
    world.put("kube_nodes", "common", START, 98)
    world.settle()
    answer = world.ask("get_agg_metric", "node_count", "common", HOUR, START, TOMORROW)
    assert answer == [(START + HOUR, "2"), (START, "5")]


def test_the_range_is_half_open(world: World) -> None:
    for minute in (-1, 0, 59, 60):
        world.put("node_count", "common", START + minute * MINUTE, minute + 10)
    world.settle()
    answer = world.ask("get_agg_metric", "node_count", "common", MINUTE, START, START + HOUR)
    assert answer == [(START + 59 * MINUTE, "69"), (START, "10")]


def test_no_timestamp_lies_before_an_unaligned_start_and_no_row_is_lost(world: World) -> None:
    for minute, value in ((29, 50), (30, 7), (59, 1), (60, 2), (149, 9), (150, 50)):
        world.put("web_sites", "common", START + minute * MINUTE, value)
    world.settle()
    begin, end = START + 30 * MINUTE, START + 150 * MINUTE
    assert world.ask("get_agg_metric", "web_sites", "common", HOUR, begin, end) == [
        (START + 2 * HOUR, "9"),
        (START + HOUR, "2"),
        (begin, "7"),
    ]


def test_months_are_those_of_the_calendar(world: World) -> None:
    later = days_ago(60).replace(day=1)
    earlier = (later - DAY).replace(day=1)
    for at, value in ((earlier, 1), (later - MINUTE, 2), (later, 3), (later + 27 * DAY, 4)):
        world.put("node_count", "common", at, value)
    world.settle()
    answer = world.ask(
        "get_agg_metric", "node_count", "common", "1 month", earlier - DAY, later + 40 * DAY
    )
    assert answer == [(later, "4"), (earlier, "2")]


def test_every_digit_of_an_amount_survives(world: World) -> None:
    exact = 123427004070058399997
    world.put(TOTAL, "mainnet", START, supply=str(exact))
    world.put("locked_tokens", "mainnet", START, amount="9007199254740993.10")
    world.settle()
    assert world.ask("get_agg_metric", TOTAL, "mainnet", DAY, START, TOMORROW) == [
        (START, "123427004070058399997")
    ]
    assert world.ask("get_agg_metric", "locked_tokens", "mainnet", DAY, START, TOMORROW) == [
        (START, "9007199254740993.1")
    ]
    assert world.ask("get_agg_fdv", "mainnet", DAY, START, TOMORROW) == [(START, "0")]


def test_a_running_total_starts_with_all_of_its_history(world: World) -> None:
    rows = ((-200 * DAY, "10"), (-MINUTE, "5"), (0 * HOUR, "1"), (2 * HOUR, "2.50"))
    for offset, value in (*rows, (3 * HOUR, "100")):
        world.put("web_requests", "cumsum", START + offset, value)
    world.put("system_tcp_sent", "cumsum", START, 7)
    world.settle()
    end = START + 3 * HOUR
    assert world.ask("get_agg_cumsum_metric", "web_requests", "cumsum", HOUR, START, end) == [
        (START, "16"),
        (START + 2 * HOUR, "18.5"),
    ]
    # An interval's value holds all of the interval: what the next one starts from.
    assert world.ask("get_agg_cumsum_metric", "web_requests", "cumsum", DAY, START, TOMORROW) == [
        (START, "118.5")
    ]


def test_a_running_total_is_exact_beyond_doubles(world: World) -> None:
    world.put("web_requests", "cumsum", START - DAY, "9007199254740993")
    world.put("web_requests", "cumsum", START, "0.1")
    world.put("web_requests", "cumsum", START + MINUTE, "0.2")
    world.settle()
    answer = world.ask("get_agg_cumsum_metric", "web_requests", "cumsum", MINUTE, START, TOMORROW)
    assert answer == [(START, "9007199254740993.1"), (START + MINUTE, "9007199254740993.3")]


def test_several_series_of_a_cumulative_metric_add_up(world: World) -> None:
    for instance, value in (("a", 1), ("b", 2)):
        world.put("web_requests", "cumsum", START, value, instance=instance)
    world.settle()
    answer = world.ask("get_agg_cumsum_metric", "web_requests", "cumsum", DAY, START, TOMORROW)
    assert answer == [(START, "3")]


def put_tokens(world: World, at: datetime) -> None:
    """Put both tiers at one minute, a minute with a total alone, and one without a total."""
    world.put_supply(
        "mainnet",
        at,
        total=123427004070058399997,
        excluded=122999999987062065852,
        tokens=12000002,
        fees=134244017,
    )
    world.put_supply(
        "testnet",
        at,
        total=123427004070058399998,
        excluded=122999999987062065853,
        tokens=12000000,
        fees=134244018,
    )
    world.put(PRICE, "common", at, "0.379")
    world.put(PRICE, "mainnet", at, "1000")
    world.put(TOTAL, "mainnet", at + MINUTE, supply="1000")
    world.put(EXCLUDED, "mainnet", at + 2 * MINUTE, excluded_supply="1")
    world.put(PRICE, "common", at + 2 * MINUTE, "0.5")


def test_circulating_supply(world: World) -> None:
    put_tokens(world, START)
    world.settle()
    ask = "get_agg_circulating_supply"
    assert world.ask(ask, "mainnet", MINUTE, START, TOMORROW) == [
        (START, "427004082850090126"),
        (START + MINUTE, "1000"),
    ]
    assert world.ask(ask, "testnet", MINUTE, START, TOMORROW) == [(START, "427004082850090127")]


def test_each_part_of_an_interval_is_its_largest(world: World) -> None:
    world.put_supply("mainnet", START, total=1000, excluded=10, tokens=5, fees=3)
    world.put_supply("mainnet", START + MINUTE, total=900, excluded=20, tokens=4, fees=2)
    world.put(PRICE, "common", START, "2")
    world.put(PRICE, "common", START + MINUTE, "0.25")
    world.settle()
    # 1000 - 20 - 5 - 3 = 972
    arguments = ("mainnet", HOUR, START, TOMORROW)
    assert world.ask("get_agg_circulating_supply", *arguments) == [(START, "972")]
    assert world.ask("get_agg_fdv", *arguments) == [(START, "2000")]
    assert world.ask("get_agg_market_cap", *arguments) == [(START, "1944")]


def test_fully_diluted_value_is_zero_without_a_price(world: World) -> None:
    put_tokens(world, START)
    world.settle()
    assert world.ask("get_agg_fdv", "mainnet", MINUTE, START, TOMORROW) == [
        (START, "46778834542552133598.863"),
        (START + MINUTE, "0"),
    ]
    assert world.ask("get_agg_fdv", "testnet", MINUTE, START, TOMORROW) == [
        (START, "46778834542552133599.242")
    ]


def test_market_cap_is_zero_without_a_price(world: World) -> None:
    put_tokens(world, START)
    world.settle()
    assert world.ask("get_agg_market_cap", "mainnet", MINUTE, START, TOMORROW) == [
        (START, "161834547400184157.754"),
        (START + MINUTE, "0"),
    ]
    assert world.ask("get_agg_market_cap", "testnet", MINUTE, START, TOMORROW) == [
        (START, "161834547400184158.133")
    ]


def test_token_series_keep_to_their_range(world: World) -> None:
    for minute in (29, 30, 60, 90):
        world.put_supply("mainnet", START + minute * MINUTE, minute, 0, 0, 0)
        world.put("total_mfx_burned", "mainnet", START + minute * MINUTE, minute)
        world.put(PRICE, "common", START + minute * MINUTE, 1)
    world.settle()
    begin, end = START + 30 * MINUTE, START + 90 * MINUTE
    for function in (
        "get_agg_circulating_supply",
        "get_agg_burned_supply",
        "get_agg_fdv",
        "get_agg_market_cap",
    ):
        answer = world.ask(function, "mainnet", HOUR, begin, end)
        assert answer == [(begin, "30"), (START + HOUR, "60")], function


def test_burned_supply(world: World) -> None:
    burned = "total_mfx_burned"
    world.put(burned, "mainnet", START, "135304300855652060000")
    world.put(burned, "mainnet", START + MINUTE, "135304300855652070000")
    world.put(burned, "mainnet", START + HOUR, "135304300855652060000")
    world.put(burned, "testnet", START, "4710007")
    world.settle()
    assert world.ask("get_agg_burned_supply", "mainnet", HOUR, START, TOMORROW) == [
        (START, "135304300855652070000"),
        (START + HOUR, "135304300855652060000"),
    ]
    assert world.ask("get_agg_burned_supply", "testnet", DAY, START, TOMORROW) == [
        (START, "4710007")
    ]


def test_answers_do_not_depend_on_the_session(world: World) -> None:
    put_tokens(world, START)
    world.put("total_mfx_burned", "mainnet", START, 1)
    world.put("web_requests", "cumsum", START, 1)
    world.put("web_requests", "cumsum", START + 20 * HOUR, 1)
    world.settle()
    begin, end = START - 3 * HOUR, START + 100 * DAY
    calls = [
        ("get_agg_metric", TOTAL, "mainnet"),
        ("get_agg_cumsum_metric", "web_requests", "cumsum"),
        ("get_agg_circulating_supply", "mainnet"),
        ("get_agg_burned_supply", "mainnet"),
        ("get_agg_fdv", "mainnet"),
        ("get_agg_market_cap", "mainnet"),
    ]

    def everything() -> list[object]:
        return [
            world.ask(call[0], *call[1:], interval, begin, end)
            for call in calls
            for interval in ("1 day", "7 days", "1 month")
        ]

    expected = everything()
    for zone in ("America/New_York", "Pacific/Kiritimati"):
        world.connection.execute("SELECT set_config('TimeZone', %s, false)", (zone,))
        world.connection.execute("SET search_path = pg_temp")
        assert everything() == expected
