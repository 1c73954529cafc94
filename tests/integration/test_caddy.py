"""The public door lets the API through and nothing else, and no client too often.

Most tests stand a tiny server of their own behind it, which says what came through; the last ones
stand PostgREST there, where it is installed.
"""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from promtsdb_dagster.localstack.ports import free_port
from tests.fix_caddy import CADDYFILE, Door, Upstream, running_caddy
from tests.fix_postgrest import Rest, bearer, token
from tests.fix_telegraf import wait_until

SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "access-control-allow-origin": "*",
}
# Any address of 127/8 is this machine: each is another client.
ONE, TWO = "127.0.0.2", "127.0.0.3"


@pytest.mark.parametrize("coding", ["zstd", "gzip"])
def test_answers_are_compressed(door: Door, coding: str) -> None:
    url = f"http://127.0.0.1:{door.port}/rpc/get_any"
    with httpx.stream("GET", url, headers={"Accept-Encoding": coding}, trust_env=False) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == coding
    assert len(packed) < 500
    plain = door.get("/rpc/get_any", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert len(plain.content) > 5000


@pytest.mark.parametrize("path", ["/", "/rpc/get_any", "/rpc/get_broken", "/elsewhere"])
def test_every_answer_has_the_security_headers(door: Door, path: str) -> None:
    answer = door.get(path)
    assert SECURITY.items() <= dict(answer.headers).items()
    # Once: two of them are none to a browser.
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]
    assert answer.headers["content-type"].startswith("application/json")
    assert "inside" not in str(answer.headers)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(
            ("GET", path)
            for path in ("/excluded_addresses", "/rpc", "/rpc/", "/rpc/a/b", "/rpc/a/")
        ),
        *(("GET", path) for path in ("/live", "/ready", "/metrics", "/config", "/schema_cache")),
        *(
            ("GET", path)
            for path in ("/rpc/..%2fready", "/rpc/%2e%2e/ready", "//ready", "/rpc/a.b")
        ),
        *((method, "/rpc/get_any") for method in ("PUT", "PATCH", "DELETE", "TRACE", "MADE_UP")),
        *((method, "/") for method in ("POST", "PUT", "PATCH", "DELETE")),
    ],
)
def test_there_is_nothing_but_the_functions_and_their_description(
    door: Door, upstream: Upstream, method: str, path: str
) -> None:
    answer = door.ask(method, path)
    assert (answer.status_code, answer.json()["code"]) == (404, "404")
    assert upstream.asked == []


def test_the_admin_interface_is_off(caddy: Path) -> None:
    command = [str(caddy), "adapt", "--config", str(CADDYFILE)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(told.stdout)["admin"] == {"config": {"persist": False}, "disabled": True}


def test_other_origins_may_ask(door: Door, upstream: Upstream) -> None:
    headers = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
    answer = door.ask("OPTIONS", "/rpc/get_any", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, POST, OPTIONS"
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    assert upstream.asked == []


def test_what_is_too_large_is_refused(door: Door) -> None:
    assert door.ask("POST", "/rpc/get_any", content=b"x" * 15_000).status_code == 200
    assert door.ask("POST", "/rpc/get_any", content=b"x" * 17_000).status_code == 413
    assert door.get("/rpc/get_any", headers={"X-Long": "x" * 40_000}).status_code == 431


def test_who_sends_no_whole_request_is_hung_up_on(door: Door) -> None:
    with socket.create_connection(("127.0.0.1", door.port), timeout=60) as slow:
        slow.sendall(b"GET /rpc/get_any HTTP/1.1\r\nHost: a\r\n")
        assert slow.recv(1000) == b""


def test_what_goes_wrong_inside_stays_inside(door: Door) -> None:
    answer = door.get("/rpc/get_broken")
    assert (answer.status_code, answer.json()["code"]) == (503, "503")
    assert answer.json()["hint"]
    assert "inside" not in answer.text


def test_a_missing_postgrest_is_an_error_of_the_door(caddy: Path, tmp_path: Path) -> None:
    with running_caddy(caddy, tmp_path, free_port()) as door:
        answer = door.get("/rpc/get_any")
    assert (answer.status_code, answer.json()["code"]) == (502, "502")


def test_too_many_requests_of_one_client_are_refused_for_a_while(
    caddy: Path, upstream: Upstream, tmp_path: Path
) -> None:
    """1. One client asks too often. 2. Another may. 3. After the window, the first may again."""
    limits = {"API_RATE_WINDOW": "5s", "API_RATE_REQUESTS": "3"}
    with running_caddy(caddy, tmp_path, upstream.port, **limits) as door:
        refused = door.refuses("GET", "/rpc/get_any", ONE)
        assert 1 <= int(refused.headers["retry-after"]) <= 5
        assert refused.json()["code"] == "429"
        assert SECURITY.items() <= dict(refused.headers).items()
        # Whatever the client says that it is.
        for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
            assert door.get("/", ONE, headers={name: "203.0.113.9"}).status_code == 429
        assert door.get("/rpc/get_any", TWO).status_code == 200
        wait_until(lambda: door.get("/rpc/get_any", ONE).status_code == 200, "that it may again")
    assert {headers["x-forwarded-for"] for *_, headers in upstream.asked[1:]} == {ONE, TWO}


def test_writing_has_a_limit_of_its_own(caddy: Path, upstream: Upstream, tmp_path: Path) -> None:
    limits = {"API_RATE_WINDOW": "1h", "API_RATE_WRITES": "2"}
    with running_caddy(caddy, tmp_path, upstream.port, **limits) as door:
        door.refuses("POST", "/rpc/add_any", ONE)
        assert door.ask("POST", "/rpc/rm_any", ONE).status_code == 429
        assert door.ask("POST", "/rpc/get_any", ONE).status_code == 200
        assert door.get("/rpc/get_any", ONE).status_code == 200
        assert door.ask("POST", "/rpc/add_any", TWO).status_code == 200


def test_a_trusted_proxy_says_who_the_client_is(
    caddy: Path, upstream: Upstream, tmp_path: Path
) -> None:
    """The nearest address that is no trusted proxy counts; a network of IPv6 counts as one."""
    settings = {
        "API_RATE_WINDOW": "1h", "API_RATE_REQUESTS": "3", "API_TRUSTED_PROXIES": "127.0.0.2/32",
    }  # fmt: skip

    def by(*addresses: str) -> dict[str, str]:
        return {"X-Forwarded-For": ", ".join(addresses)}

    with running_caddy(caddy, tmp_path, upstream.port, **settings) as door:
        door.refuses("GET", "/", ONE, headers=by("203.0.113.9"))
        # The client may have sent a header of its own, which its proxy has added to.
        assert door.get("/", ONE, headers=by("198.51.100.1", "203.0.113.9")).status_code == 429
        assert door.get("/", ONE, headers=by("203.0.113.10")).status_code == 200
        door.refuses("GET", "/", ONE, headers=by("2001:db8:1:2::1"))
        assert door.get("/", ONE, headers=by("2001:db8:1:2:a:b:c:d")).status_code == 429
        assert door.get("/", ONE, headers=by("2001:db8:1:3::1")).status_code == 200
        door.refuses("GET", "/", ONE, headers=by("2001:db8:5::1"))
        assert door.get("/", ONE, headers=by("2001:db8:5::2:1")).status_code == 429
        # Nobody else is believed.
        door.refuses("GET", "/", TWO, headers=by("203.0.113.11"))
        assert door.get("/", TWO, headers=by("203.0.113.12")).status_code == 429


def test_the_api_answers_through_the_door(caddy: Path, rest: Rest, tmp_path: Path) -> None:
    port = int(rest.url.rpartition(":")[2])
    with running_caddy(caddy, tmp_path, port) as door:

        def change(function: str, text: str | None) -> int:
            headers = bearer(text) if text else {}
            sent = {"p_value": "a"}
            return door.ask("POST", f"/rpc/{function}", json=sent, headers=headers).status_code

        page = door.get("/")
        assert page.headers["content-encoding"] == "gzip"
        assert len(page.json()["paths"]) > 20
        assert rest.url.rpartition("/")[2] not in page.text
        assert change("add_excluded_address", None) == 401
        assert (
            change("add_excluded_address", token("writer", "another key of enough letters" * 2))
            == 401
        )
        assert change("add_excluded_address", token()) == 204
        answer = door.get("/rpc/get_excluded_addresses")
        assert [row["value"] for row in answer.json()] == ["a"]
        assert "postgrest" not in str(answer.headers).lower()
        assert change("rm_excluded_address", token()) == 204
        wrong = door.get("/rpc/get_latest_fdv?p_schema=nowhere")
        assert (wrong.status_code, wrong.json()["code"]) == (400, "22023")
        assert wrong.json()["hint"]
        for path in ("/ready", "/live", "/metrics", "/schema_cache", "/excluded_addresses"):
            assert door.get(path).status_code == 404
