"""Every bad argument is refused with a message, a code that becomes 400, and a hint."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.sql.world import World

GOOD = {
    "p_interval": "1 hour",
    "p_from": "2026-01-01T00:00:00Z",
    "p_to": "2026-01-02T00:00:00Z",
}
NAMED = {"p_metric_name": "node_count"}
SERIES: dict[str, dict[str, Any]] = {
    "get_agg_metric": {**NAMED, "p_schema": "common", **GOOD},
    "get_agg_cumsum_metric": {**NAMED, "p_schema": "cumsum", **GOOD},
    "get_agg_circulating_supply": {"p_schema": "mainnet", **GOOD},
    "get_agg_burned_supply": {"p_schema": "mainnet", **GOOD},
    "get_agg_fdv": {"p_schema": "mainnet", **GOOD},
    "get_agg_market_cap": {"p_schema": "testnet", **GOOD},
}
ALLOWED = {
    "get_agg_metric": "mainnet or testnet or common",
    "get_agg_cumsum_metric": "cumsum",
}
LATEST = [
    "get_latest_circulating_supply",
    "get_latest_burned_supply",
    "get_latest_fdv",
    "get_latest_market_cap",
    "get_all_latest_token_metrics",
]


def call(world: World, function: str, arguments: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Call by argument names, with text that PostgreSQL casts: what PostgREST does."""
    types = {"p_interval": "interval", "p_from": "timestamptz", "p_to": "timestamptz"}
    named = [
        sql.SQL("{} => {}::{}").format(
            sql.Identifier(name), sql.Placeholder(name), sql.Identifier(types.get(name, "text"))
        )
        for name in arguments
    ]
    statement = sql.SQL("SELECT * FROM {}({})").format(
        sql.Identifier("api", function), sql.SQL(", ").join(named)
    )
    with world.connection.transaction():
        return world.connection.execute(statement, arguments).fetchall()


def refusal(world: World, function: str, arguments: dict[str, Any]) -> psycopg.errors.Diagnostic:
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        call(world, function, arguments)
    assert caught.value.sqlstate == "22023"
    return caught.value.diag


@pytest.mark.parametrize("function", SERIES)
def test_good_arguments_without_data_give_no_rows(empty_world: World, function: str) -> None:
    assert call(empty_world, function, SERIES[function]) == []


BAD_RANGES = [
    pytest.param(
        {"p_interval": "0 minutes"},
        "p_interval must be longer than 0 and at most 1000 years, got '00:00:00'",
        "1 minute",
        id="zero interval",
    ),
    pytest.param({"p_interval": "-1 hour"}, "got '-01:00:00'", "1 minute", id="negative interval"),
    pytest.param(
        {"p_interval": "178000000 years"},
        "got '178000000 years'",
        "1 minute",
        id="endless interval",
    ),
    pytest.param(
        {"p_interval": "1 month 2 days"},
        "p_interval mixes months with shorter units, got '1 mon 2 days'",
        "whole months or years",
        id="mixed interval",
    ),
    pytest.param(
        {"p_to": GOOD["p_from"]},
        "p_from must be before p_to, got '2026-01-01 00:00:00+00' and '2026-01-01 00:00:00+00'",
        "Swap the two",
        id="empty range",
    ),
    pytest.param(
        {"p_from": "2026-01-03T00:00:00Z"},
        "p_from must be before p_to, got '2026-01-03 00:00:00+00'",
        "Swap the two",
        id="swapped range",
    ),
    pytest.param(
        {"p_from": "-infinity"},
        "p_from and p_to must be finite, got '-infinity' and '2026-01-02 00:00:00+00'",
        "instead of infinity",
        id="infinite start",
    ),
    pytest.param(
        {"p_to": "infinity"}, "must be finite, got", "instead of infinity", id="infinite end"
    ),
    pytest.param(
        {"p_interval": "1 second"},
        "a series may have at most 11000 intervals, got 86400 of '00:00:01' between "
        "'2026-01-01 00:00:00+00' and '2026-01-02 00:00:00+00'",
        "longer p_interval or a shorter range",
        id="too many intervals",
    ),
    pytest.param(
        {"p_from": "4713-01-01 00:00:00+00 BC", "p_to": "294276-12-31 00:00:00+00"},
        "at most 11000 intervals, got",
        "longer p_interval",
        id="all of time",
    ),
    pytest.param(
        {
            "p_interval": "1 month",
            "p_from": "1000-01-01 00:00:00+00",
            "p_to": "2026-01-01 00:00:00+00",
        },
        "got 12312 of '1 mon'",
        "longer p_interval",
        id="too many months",
    ),
    pytest.param(
        {"p_interval": None},
        "p_interval, p_from and p_to must be given, got NULL, '2026-01-01 00:00:00+00'",
        "Give all three",
        id="no interval",
    ),
    pytest.param(
        {"p_from": None}, "must be given, got '01:00:00', NULL", "Give all three", id="no start"
    ),
    pytest.param({"p_to": None}, "must be given, got", "Give all three", id="no end"),
]


@pytest.mark.parametrize("function", SERIES)
@pytest.mark.parametrize(("change", "message", "hint"), BAD_RANGES)
def test_a_bad_range_is_refused(
    empty_world: World, function: str, change: dict[str, Any], message: str, hint: str
) -> None:
    # Whatever the caller's session is set to, the text is the same.
    empty_world.connection.execute("SET TimeZone = 'Asia/Kathmandu'")
    empty_world.connection.execute("SET DateStyle = 'German'")
    empty_world.connection.execute("SET IntervalStyle = 'iso_8601'")
    said = refusal(empty_world, function, {**SERIES[function], **change})
    assert message in (said.message_primary or "")
    assert said.message_detail
    assert hint in (said.message_hint or "")


@pytest.mark.parametrize("function", SERIES)
@pytest.mark.parametrize("schema", ["production", "", "MAINNET", "geo", None, "'; DROP TABLE x"])
def test_an_unknown_schema_is_refused(
    empty_world: World, function: str, schema: str | None
) -> None:
    said = refusal(empty_world, function, {**SERIES[function], "p_schema": schema})
    shown = "NULL" if schema is None else "'{}'".format(schema.replace("'", "''"))
    assert said.message_primary == f"unknown p_schema {shown}"
    assert said.message_hint == f"Set p_schema to {ALLOWED.get(function, 'mainnet or testnet')}."


def test_each_family_has_its_own_schemas(empty_world: World) -> None:
    for function, schema in (
        ("get_agg_metric", "cumsum"),
        ("get_agg_cumsum_metric", "mainnet"),
        ("get_agg_fdv", "common"),
    ):
        refusal(empty_world, function, {**SERIES[function], "p_schema": schema})


@pytest.mark.parametrize("function", LATEST)
@pytest.mark.parametrize("schema", ["common", "", None])
def test_latest_functions_refuse_an_unknown_schema(
    empty_world: World, function: str, schema: str | None
) -> None:
    said = refusal(empty_world, function, {"p_schema": schema})
    assert said.message_hint == "Set p_schema to mainnet or testnet."


@pytest.mark.parametrize("function", ["get_agg_metric", "get_agg_cumsum_metric"])
@pytest.mark.parametrize("name", ["", None])
def test_a_metric_needs_a_name(empty_world: World, function: str, name: str | None) -> None:
    said = refusal(empty_world, function, {**SERIES[function], "p_metric_name": name})
    shown = "NULL" if name is None else "''"
    assert said.message_primary == f"p_metric_name must name a metric, got {shown}"
    assert "get_all_latest_" in (said.message_hint or "")


@pytest.mark.parametrize("function", SERIES)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"p_interval": "1 minute", "p_to": "2026-01-08T15:20:00Z"}, id="minutes"),
        pytest.param(
            {"p_interval": "1 month", "p_from": "1110-01-01 00:00:00+00"}, id="10,992 months"
        ),
        pytest.param({"p_interval": "1000 years"}, id="a thousand years"),
        pytest.param({"p_interval": "1 microsecond", "p_to": "2026-01-01T00:00:00.011Z"}, id="us"),
    ],
)
def test_the_limits_themselves_are_allowed(
    empty_world: World, function: str, change: dict[str, Any]
) -> None:
    assert call(empty_world, function, {**SERIES[function], **change}) == []


def test_one_interval_beyond_the_limit_is_refused(empty_world: World) -> None:
    said = refusal(
        empty_world,
        "get_agg_fdv",
        {**SERIES["get_agg_fdv"], "p_interval": "1 minute", "p_to": "2026-01-08T15:20:01Z"},
    )
    assert "got 11001 of" in (said.message_primary or "")


def test_an_unknown_metric_has_no_rows(empty_world: World) -> None:
    good = SERIES["get_agg_metric"]
    for name in ("nothing", "x" * 10_000, "naïve 名", "'; --"):
        assert call(empty_world, "get_agg_metric", {**good, "p_metric_name": name}) == []
