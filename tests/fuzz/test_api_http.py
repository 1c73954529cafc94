"""The same over HTTP, as text and as JSON of any shape: an answer, or 4xx with a reason."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fix_postgrest import bearer, token
from tests.fuzz.arguments import value_of
from tests.fuzz.test_api_sql import EXAMPLES, arguments_of, calls
from tests.sql.test_api_rights import READERS, WRITERS

# What Caddy lets through.
_MOST_BYTES = 16_000
_CODES = ("22", "23505", "42", "PGRST", "PT404", "25006")
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=6,
)
QUIET = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_HEADERS = st.dictionaries(
    st.sampled_from(["Accept", "Prefer", "Range", "Range-Unit", "Accept-Profile", "If-None-Match"]),
    st.sampled_from([
        "*/*", "text/csv", "application/json", "application/vnd.pgrst.object+json", "text/html",
        "application/vnd.pgrst.plan+json; options=analyze", "count=exact", "count=planned",
        "handling=strict, tz=No/Where", "return=minimal", "tx=rollback", "max-affected=0", "0-0",
        "5-1", "-1--1", "99999999999999999999-", "items", "internal", "api", "x" * 1_000,
    ]),
    max_size=2,
)  # fmt: skip


def judge(response: httpx.Response) -> None:
    """Raise AssertionError for an answer that no caller should ever get."""
    assert response.status_code < 500, response.text[:500]
    if response.status_code < 400:
        return
    said = response.json()
    assert said["code"].startswith(_CODES), said
    assert said["message"]
    if said["code"] == "22023":
        assert response.status_code == 400
        if said["message"].startswith("time zone "):
            # PostgreSQL's own word on '2026-11-15 00:00 No/Where', before any function is called.
            return
        assert said["hint"]
        assert said["details"]


def headers_of(function: str, more: dict[str, str]) -> dict[str, str]:
    return {**more, **(bearer(token()) if function in WRITERS else {})}


@QUIET
@given(calls(), _HEADERS)
def test_arguments_in_the_query(
    client: httpx.Client, request_: tuple[str, dict[str, str | None]], headers: dict[str, str]
) -> None:
    function, given_ = request_
    parameters = {name: value[:2_000] for name, value in given_.items() if value is not None}
    headers = headers_of(function, headers)
    judge(client.get(f"/rpc/{function}", params=parameters, headers=headers))


@QUIET
@given(st.data(), st.sampled_from([*READERS, *WRITERS]), _HEADERS)
def test_arguments_in_a_body(
    client: httpx.Client, data: st.DataObject, function: str, headers: dict[str, str]
) -> None:
    body: dict[str, Any] = {
        name: data.draw(st.one_of(value_of(name, kind), value_of(name, kind), _JSON))
        for name, kind in arguments_of(function)
        if data.draw(st.integers(0, 9))
    }
    text = json.dumps(data.draw(st.sampled_from([body, body, body, [body], [body, body]])))
    judge(
        client.post(
            f"/rpc/{function}",
            content=text[:_MOST_BYTES],
            headers={"Content-Type": "application/json", **headers_of(function, headers)},
        )
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("[" * _MOST_BYTES, id="nested and cut"),
        pytest.param("[" * 7_999 + "]" * 7_999, id="nested lists"),
        pytest.param('{"p_schema":' * 1_200 + "1" + "}" * 1_200, id="nested objects"),
        pytest.param('{"p_schema":' + "[" * 7_900 + "]" * 7_900 + "}", id="a nested argument"),
        pytest.param('{"p_schema":"\\u0000"}', id="NUL"),
        pytest.param('{"p_schema":"\\ud800"}', id="half of a surrogate pair"),
        pytest.param('{"p_schema":' + "9" * 15_000 + "}", id="a long number"),
        pytest.param('{"p_schema":1e999999999}', id="a huge number"),
        pytest.param('{"p_schema":"a","p_schema":"b"}', id="twice the same"),
        pytest.param("\xff\xfe", id="not UTF-8"),
        pytest.param("", id="nothing"),
        pytest.param("null", id="null"),
    ],
)
def test_bodies_that_are_hard_to_read(client: httpx.Client, body: str) -> None:
    judge(
        client.post(
            "/rpc/get_latest_fdv",
            content=body.encode("latin-1"),
            headers={"Content-Type": "application/json"},
        )
    )
