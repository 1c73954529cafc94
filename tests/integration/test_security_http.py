"""What a stranger with HTTP alone may cost and reach: through Caddy, and at PostgREST itself."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest

from tests.fix_caddy import Door, Upstream, running_caddy
from tests.fix_postgrest import Rest, bearer, token
from tests.sql.world import World, days_ago

# Each of these took seconds, or hundreds of megabytes, of a range of 11,000 rows.
SLOW = "((((.{1,20}){1,20}){1,20}){1,10})x"
WIDE = ",".join(f"a{number}:value" for number in range(600))
REFUSED = [
    f"value=match.{quote(SLOW)}",
    f"value=imatch.{quote(SLOW)}",
    f"value=not.match.{quote(SLOW)}",
    f"value=match(any).{quote('{' + SLOW + '}')}",
    f"value=match%28any%29.{quote('{' + SLOW + '}')}",
    f"value=match%2e{quote(SLOW)}",
    f"value=%6datch.{quote(SLOW)}",
    f"value=m%41TCH.{quote(SLOW)}",
    f"or=(value.match.{quote(SLOW)},value.eq.1)",
    f"and=(or(value.not.imatch.{quote(SLOW)}))",
    f"select={WIDE}",
    f"select={quote(WIDE)}",
    f"limit=1;select={WIDE}",
    f"limit=1&select={WIDE}",
    f"%73elect={WIDE}",
    f"sele%63t={WIDE}",
    "select=a:value,b:value,c:value,d:value,e:value",
    "select=a:value%2Cb:value,c:value%2cd:value,e:value",
    "select=" + "value" * 30,
    "value=like." + "a" * 2000,
]
TAKEN = [
    "p_schema=common&p_interval=1%20hour&p_from=2026-11-01T00%3A00%3A00%2B02%3A00",
    "select=latitude,longitude,country_name,city&limit=10&offset=20&order=city.desc",
    "select=timestamp%2Cvalue::text",
    "table_name=like.system_*&or=(value.eq.1,value.eq.2)",
    "table_name=in.(%22kube_pods%22,%22kube_nodes%22)",
    "table_name=eq.match_count",
]


@pytest.mark.parametrize("query", REFUSED, ids=range(len(REFUSED)))
def test_costly_queries_do_not_come_through(door: Door, upstream: Upstream, query: str) -> None:
    answer = door.get(f"/rpc/get_any?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "400")
    assert "at most four columns" in answer.json()["hint"]
    assert door.ask("POST", f"/rpc/get_any?{query}").status_code == 400
    assert upstream.asked == []


@pytest.mark.parametrize("query", TAKEN, ids=range(len(TAKEN)))
def test_what_callers_need_comes_through(door: Door, upstream: Upstream, query: str) -> None:
    assert door.get(f"/rpc/get_any?{query}").status_code == 200
    assert upstream.asked[0][1] == f"/rpc/get_any?{query}"


@pytest.fixture(scope="module")
def series(rest: Rest) -> dict[str, str]:
    """Store the longest series that may be asked for; return the arguments that ask for it."""
    start, end = days_ago(30), days_ago(30) + timedelta(minutes=11_000)
    with rest.owner() as owner:
        owner.execute(
            "INSERT INTO internal.prometheus_remote_write"
            " SELECT minute, 7, 'node_count', 'common', 1354321.25"
            " FROM generate_series(%s::timestamptz, %s, '1 minute') AS minute",
            (start, end),
        )
        owner.execute(
            "INSERT INTO internal.prometheus_remote_write_tag (tag_id, labels) VALUES (7, '{}')"
        )
        World(owner, "postgresql").refresh(start, end)
    return {
        "p_metric_name": "node_count", "p_schema": "common", "p_interval": "1 minute",
        "p_from": start.isoformat(), "p_to": end.isoformat(),
    }  # fmt: skip


@pytest.fixture
def public(caddy: Path, rest: Rest, tmp_path: Path) -> Iterator[Door]:
    """Run the door of production in front of PostgREST."""
    with running_caddy(
        caddy, tmp_path, int(rest.url.rpartition(":")[2]), API_RATE_WINDOW="1h",
        API_RATE_REQUESTS="60",
    ) as found:  # fmt: skip
        yield found


def test_many_of_the_most_expensive_calls_at_once(public: Door, series: dict[str, str]) -> None:
    """Ten have a place, others wait for one; who asks too often is told so; nobody hangs."""
    with ThreadPoolExecutor(30) as pool:
        answers = list(
            pool.map(lambda _: public.get("/rpc/get_agg_metric", params=series), range(80))
        )
    told = {answer.status_code for answer in answers}
    assert 429 in told
    assert told <= {200, 429, 504}
    assert sum(answer.status_code == 200 for answer in answers) <= 60
    whole = next(answer for answer in answers if answer.status_code == 200)
    assert len(whole.json()) == 11_000


@pytest.mark.parametrize(
    "role",
    [["writer"], {"a": 1}, "", "none", "WRITER", "writer; RESET ROLE", 'writer", "web_anon',
     "postgrest", "promtsdb", "pg_read_all_data", "pg_monitor", "public", "authenticator"],
    ids=str,
)  # fmt: skip
def test_no_claim_makes_a_writer_of_somebody_else(rest: Rest, role: object) -> None:
    """Rightly signed: whoever holds the key may be careless with names."""
    answer = rest.post(
        "/rpc/add_excluded_address",
        json={"p_value": "mine"},
        headers=bearer(token(role=role)),  # type: ignore[arg-type]
    )
    assert answer.status_code in (400, 401, 403), answer.text
    assert rest.get("/rpc/get_excluded_addresses").json() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": f"jwt={token()}; role=writer; request.jwt.claims=%7B%22role%22:%22writer%22%7D"},
        {"role": "writer", "X-Role": "writer", "request.jwt.claims": '{"role":"writer"}'},
        {"Prefer": "role=writer, request.jwt.claims={\"role\":\"writer\"}, tx=commit"},
        {"Authorization": f"Basic {token()}"},
        {"Authorization": token()},
        {"X-Authorization": f"Bearer {token()}", "Proxy-Authorization": f"Bearer {token()}"},
    ],
    ids=["cookies", "names", "prefer", "basic", "bare", "other headers"],
)  # fmt: skip
def test_no_header_but_a_token_makes_a_writer(rest: Rest, headers: dict[str, str]) -> None:
    answer = rest.post("/rpc/add_excluded_address", json={"p_value": "a"}, headers=headers)
    assert answer.status_code == 401, answer.text
    assert rest.get("/rpc/get_excluded_addresses").json() == []


@pytest.mark.parametrize("schema", ["internal", "pg_catalog", "public", "cumsum", "api, internal"])
def test_no_header_opens_another_schema(rest: Rest, schema: str) -> None:
    for call in (
        rest.get("/rpc/pg_sleep", params={"seconds": "60"}, headers={"Accept-Profile": schema}),
        rest.post("/rpc/amount", json={"p_label": "1"}, headers={"Content-Profile": schema}),
        rest.get("/backfill_ledger", headers={"Accept-Profile": schema}),
    ):
        assert (call.status_code, call.json()["code"]) == (406, "PGRST106")


@pytest.mark.parametrize(
    "function",
    ["pg_sleep", "pg_read_file", "lo_import", "lo_create", "query_to_xml", "dblink", "set_config",
     "pg_terminate_backend", "pg_advisory_lock", "pg_notify", "current_setting", "add_job"],
)  # fmt: skip
def test_functions_of_the_server_are_not_there(rest: Rest, function: str) -> None:
    for answer in (rest.get(f"/rpc/{function}"), rest.post(f"/rpc/{function}", json={"": 1})):
        assert (answer.status_code, answer.json()["code"]) == (404, "PGRST202")


def test_a_time_zone_of_the_caller_changes_no_instant(rest: Rest, series: dict[str, str]) -> None:
    """`Prefer: timezone` is the one setting that a caller may choose."""

    def asked(prefer: str, interval: str) -> list[tuple[datetime, str]]:
        answer = rest.get(
            "/rpc/get_agg_metric",
            params={**series, "p_interval": interval},
            headers={"Prefer": prefer},
        )
        assert answer.status_code == 200, answer.text
        return [(datetime.fromisoformat(r["timestamp"]), r["value"]) for r in answer.json()]

    for interval in ("1 day", "1 month", "6 hours"):
        plain = asked("", interval)
        assert plain
        for zone in ("Asia/Kathmandu", "America/St_Johns", "'; RESET ROLE; --"):
            assert asked(f"timezone={zone}", interval) == plain


def test_one_request_calls_one_function_once(rest: Rest, series: dict[str, str]) -> None:
    many = rest.post(
        "/rpc/get_agg_metric",
        json=[series] * 100,
        headers={"Prefer": "params=multiple-objects"},
    )
    assert many.status_code in (200, 400, 404)
    assert many.status_code != 200 or len(many.json()) <= 11_001


def test_a_caller_may_not_ask_for_the_plan_or_sum_up(rest: Rest, series: dict[str, str]) -> None:
    plan = {"Accept": "application/vnd.pgrst.plan+json; options=analyze|verbose"}
    assert rest.get("/rpc/get_agg_metric", params=series, headers=plan).status_code in (406, 415)
    summed = rest.get("/rpc/get_agg_metric", params={**series, "select": "value.max()"})
    assert (summed.status_code, summed.json()["code"]) == (400, "PGRST123")


def test_nothing_a_caller_sends_makes_a_setting(rest: Rest) -> None:
    """Claims and headers become settings of `request.` only; no function of ours reads one."""
    with psycopg.connect(rest.database_url) as owner:
        readers = owner.execute(
            "SELECT oid::regprocedure::text FROM pg_proc"
            " WHERE pronamespace::regnamespace::text IN ('api', 'internal', 'cumsum', 'geo')"
            " AND (prosrc ~ 'request\\.' OR pg_get_functiondef(oid) ~ 'request\\.')"
            " AND prokind <> 'a'"
        ).fetchall()
    assert readers == []
    claims = bearer(token("web_anon", search_path="internal", statement_timeout="0"))
    assert rest.get("/rpc/get_excluded_addresses", headers=claims).status_code == 200


def test_the_log_of_the_door_has_no_token(public: Door, tmp_path: Path) -> None:
    secret = token()
    public.ask("POST", "/rpc/add_excluded_address", json={"p_value": ""}, headers=bearer(secret))
    log = (tmp_path / "caddy.log").read_text()
    assert "/rpc/add_excluded_address" in log
    assert secret not in log
    assert secret.split(".")[2] not in log
    assert isinstance(public.get("/"), httpx.Response)
