"""Schemathesis reads PostgREST's OpenAPI page and sends what it allows, and what it does not."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given, settings

from tests.fix_postgrest import bearer, token
from tests.fuzz.test_api_http import QUIET, judge
from tests.fuzz.test_api_sql import EXAMPLES
from tests.sql.test_api_rights import READERS, WRITERS

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not installed; `make fuzz` does it"
)


@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
def test_every_operation_that_is_described(client: httpx.Client, mode: str) -> None:
    described = client.get("/").json()
    schema = schemathesis.openapi.from_dict(described)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {one.path for one in operations} - {"/"} == {f"/rpc/{n}" for n in (*READERS, *WRITERS)}
    for operation in operations:
        cases = operation.as_strategy(generation_mode=schemathesis.GenerationMode[mode])

        @settings(QUIET, max_examples=max(4, EXAMPLES // 40))
        @given(cases)
        def holds(case: Any) -> None:
            answers(client, case)

        holds()


def answers(client: httpx.Client, case: Any) -> None:
    """Send one case of Schemathesis by our own client, and judge the answer."""
    sent = case.as_transport_kwargs(base_url=str(client.base_url))
    headers = dict(sent.pop("headers", None) or {})
    if case.operation.path.removeprefix("/rpc/") in WRITERS:
        headers |= bearer(token())
    sent.pop("cookies", None)
    # Its arguments are those of the library requests.
    sent["content"] = sent.pop("data", None)
    judge(client.request(headers=headers, **{k: v for k, v in sent.items() if v is not None}))
