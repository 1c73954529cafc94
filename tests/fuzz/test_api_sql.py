"""Whatever is given to a function of the API, it answers or says what was wrong with it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from psycopg import sql

from tests.fuzz.arguments import value_of
from tests.sql.test_api_callers import LIMITS
from tests.sql.test_api_rights import READERS, WRITERS

# `make fuzz` asks for more.
EXAMPLES = int(os.environ.get("PROMTSDB_FUZZ_EXAMPLES", "250"))
_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_NEWEST_FIRST = {"get_agg_metric"}
_SIGNATURES = {name: takes for name, (takes, _) in {**READERS, **WRITERS}.items()}
_ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia")
# Beside class 22: the address is listed already, or is not; web_anon may not write.
_DOCUMENTED = {"add_excluded_address": {"23505"}, "rm_excluded_address": {"PT404"}}


def arguments_of(function: str) -> list[tuple[str, str]]:
    """Return the names and types of a function's arguments."""
    pairs = (one.strip().partition(" ") for one in _SIGNATURES[function].split(",") if one.strip())
    return [(name, kind) for name, _, kind in pairs]


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, str | None]]:
    """Draw a function and what it is given; those with more arguments more often."""
    weighted = [name for name in _SIGNATURES for _ in range(1 + 2 * len(arguments_of(name)))]
    function = draw(st.sampled_from(weighted))
    return function, {name: draw(value_of(name, kind)) for name, kind in arguments_of(function)}


@pytest.fixture(scope="module")
def connection(filled: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(filled) as connection:
        yield connection


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(calls(), st.sampled_from([False, False, False, True]), st.sampled_from(_ZONES))
def test_every_call_is_answered_or_refused(
    connection: psycopg.Connection[Any],
    request_: tuple[str, dict[str, str | None]],
    stranger: bool,
    zone: str,
) -> None:
    function, given_ = request_
    role = "writer" if (function in WRITERS) != stranger else "web_anon"
    kinds = dict(arguments_of(function))
    try:
        become(connection, role, zone)
        if any("\0" in (value or "") for value in given_.values()):
            # psycopg sends none; PostgREST's JSON can, and the test over HTTP does.
            return
        try:
            read = cast_all(connection, given_, kinds)
        except psycopg.errors.DataError:
            # PostgreSQL's own words for what is no instant or no length of time: class 22.
            return
        try:
            rows = call(connection, function, given_, kinds)
        except psycopg.Error as error:
            note(repr(error))
            judge_refusal(error, function, role)
        else:
            judge_answer(function, rows, read)
    finally:
        connection.rollback()


def become(connection: psycopg.Connection[Any], role: str, zone: str) -> None:
    for name, value in LIMITS[role].items():
        connection.execute("SELECT set_config(%s, %s, true)", [name, value])
    connection.execute("SELECT set_config('TimeZone', %s, true)", [zone])
    connection.execute("SELECT set_config('role', %s, true)", [role])


def cast_all(
    connection: psycopg.Connection[Any], given_: dict[str, str | None], kinds: dict[str, str]
) -> dict[str, bool]:
    """Return whether each argument is given; raise DataError for what has not its type."""
    for name, value in given_.items():
        statement = sql.SQL("SELECT %s::{} IS NULL").format(sql.SQL(kinds[name]))  # type: ignore[arg-type]
        connection.execute(statement, [value])
    return {name: value is not None for name, value in given_.items()}


def call(
    connection: psycopg.Connection[Any],
    function: str,
    given_: dict[str, str | None],
    kinds: dict[str, str],
) -> list[tuple[Any, ...]]:
    named = [
        sql.SQL("{} => {}::{}").format(sql.Identifier(name), sql.Placeholder(name), sql.SQL(kind))  # type: ignore[arg-type]
        for name, kind in kinds.items()
    ]
    statement = sql.SQL("SELECT * FROM {}({})").format(
        sql.Identifier("api", function), sql.SQL(", ").join(named)
    )
    rows = connection.execute(statement, given_).fetchall()
    if function.startswith("get_agg"):
        # Compared by the server: instants of the year 294276 are none of Python's.
        inside = connection.execute(
            "SELECT coalesce(bool_and(t >= %s::timestamptz AND t < %s::timestamptz), true)"
            " FROM unnest(%s::timestamptz[]) AS t",
            (given_["p_from"], given_["p_to"], [row[0] for row in rows]),
        ).fetchone()
        assert inside == (True,)
    return rows


def judge_refusal(error: psycopg.Error, function: str, role: str) -> None:
    state = error.sqlstate or ""
    if (function in WRITERS) != (role == "writer"):
        assert state == "42501"
        return
    assert state == "22023" or state in _DOCUMENTED.get(function, set()), (state, str(error))
    assert error.diag.message_primary
    assert len(error.diag.message_primary) < 1_000
    assert error.diag.message_detail
    assert error.diag.message_hint


def judge_answer(function: str, rows: list[tuple[Any, ...]], read: dict[str, bool]) -> None:
    assert all(read.values()), "NULL was taken for a value"
    if not function.startswith("get_agg"):
        values = [row[-1] for row in rows if isinstance(row[0], datetime)]
        assert all(_PLAIN.fullmatch(value) for value in values)
        return
    times = [row[0] for row in rows]
    assert times == sorted(set(times), reverse=function in _NEWEST_FIRST)
    assert all(_PLAIN.fullmatch(value) for _, value in rows)


def test_the_strategies_reach_answers_and_refusals(connection: psycopg.Connection[Any]) -> None:
    """An ordinary call has rows, so the test above compares something."""
    become(connection, "web_anon", "UTC")
    for function, name in (
        ("get_agg_metric", "node_count"),
        ("get_agg_cumsum_metric", "bytes_sent"),
    ):
        schema = "cumsum" if "cumsum" in function else "mainnet"
        rows = connection.execute(
            f"SELECT * FROM api.{function}(%s, %s, '1 day', now() - interval '9 days', now())",  # noqa: S608
            (name, schema),
        ).fetchall()
        assert len(rows) >= 5
    connection.rollback()
