"""What callers of the API may do over HTTP, and what they may not."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from tests.fix_postgres import SQL_DIR, ScratchDatabase
from tests.fix_postgrest import SECRET, Rest, bearer, token
from tests.fix_telegraf import wait_until

FUNCTIONS = """
SELECT proname, provolatile = 'v', coalesce(proargnames[:pronargs], '{}')
FROM pg_proc WHERE pronamespace = 'api'::regnamespace ORDER BY 1
"""
DAY = {"p_interval": "1 hour", "p_from": "2026-01-01T00:00:00Z", "p_to": "2026-01-02T00:00:00Z"}
BURNED = {"p_schema": "mainnet", **DAY}


def functions(rest: Rest) -> list[tuple[str, bool, list[str]]]:
    with rest.owner() as owner:
        return [
            (str(name), bool(writes), names) for name, writes, names in owner.execute(FUNCTIONS)
        ]


def arguments(function: str, names: list[str]) -> dict[str, str]:
    given = {"p_metric_name": "node_count", "p_schema": "mainnet", "p_value": "a", **DAY}
    if "cumsum" in function:
        given["p_schema"] = "cumsum"
    return {name: given[name] for name in names}


def excluded(rest: Rest) -> list[str]:
    return [row["value"] for row in rest.get("/rpc/get_excluded_addresses").json()]


def change(rest: Rest, function: str, value: str, text: str | None = None) -> int:
    headers = bearer(text) if text else {}
    return rest.post(f"/rpc/{function}", json={"p_value": value}, headers=headers).status_code


def test_reading_needs_no_token(rest: Rest) -> None:
    for name, writes, names in functions(rest):
        if not writes:
            given = arguments(name, names)
            asked = rest.get(f"/rpc/{name}", params=given)
            sent = rest.post(f"/rpc/{name}", json=given)
            assert (asked.status_code, sent.status_code) == (200, 200), (name, asked.text)
            assert asked.json() == sent.json()


def test_writing_without_a_token_is_refused(rest: Rest) -> None:
    for name, writes, names in functions(rest):
        if writes:
            assert rest.post(f"/rpc/{name}", json=arguments(name, names)).status_code == 401, name
    assert excluded(rest) == []


def test_a_writer_adds_and_removes_an_address_and_nothing_else(rest: Rest) -> None:
    writer = token()
    assert change(rest, "add_excluded_address", "manifest1abc", writer) == 204
    assert change(rest, "add_excluded_address", "manifest1abc", writer) == 409
    assert excluded(rest) == ["manifest1abc"]
    assert change(rest, "rm_excluded_address", "manifest1abc", writer) == 204
    assert change(rest, "rm_excluded_address", "manifest1abc", writer) == 404
    assert excluded(rest) == []
    for name, writes, names in functions(rest):
        if not writes:
            refused = rest.get(
                f"/rpc/{name}", params=arguments(name, names), headers=bearer(writer)
            )
            assert refused.status_code == 403, name


def test_an_address_adds_no_header_to_an_answer(rest: Rest) -> None:
    """PostgREST writes the message of a PT404 into the status line as it is."""
    answer = rest.post(
        "/rpc/rm_excluded_address",
        json={"p_value": "a\r\nSet-Cookie: session=mine\r\n\r\n<script>"},
        headers=bearer(token()),
    )
    assert (answer.status_code, answer.reason_phrase) == (404, "the address is not excluded")
    assert "set-cookie" not in answer.headers
    assert "Set-Cookie" in answer.json()["details"]


def test_what_writes_cannot_be_called_by_get(rest: Rest) -> None:
    """A link or a picture in a page is a GET."""
    found = rest.get("/rpc/add_excluded_address", params={"p_value": "a"}, headers=bearer(token()))
    assert (found.status_code, found.json()["code"]) == (405, "25006")
    assert excluded(rest) == []


PAST = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "text",
    [
        "not-a-token",
        token(key="another key, which is long enough as well"),
        token(key="", algorithm="none"),
        token(algorithm="HS512", key=SECRET * 2),
        token(exp=PAST),
        token(nbf=datetime.now(timezone.utc) + timedelta(hours=1)),
        token(aud="somebody else"),
        token() + "x",
        token().replace(".", ".e", 1),
    ],
    ids=[
        *("no token", "foreign key", "alg none", "foreign HS512", "expired", "not yet valid"),
        *("wrong audience", "changed signature", "changed claims"),
    ],
)
def test_wrong_tokens_get_401(rest: Rest, text: str) -> None:
    assert change(rest, "add_excluded_address", "a", text) == 401
    # Nor do they read: whoever sends one learns that it is wrong.
    assert rest.get("/rpc/get_excluded_addresses", headers=bearer(text)).status_code == 401
    assert excluded(rest) == []


def test_a_token_makes_nobody_else(rest: Rest) -> None:
    """Its key signs any name, so that the login role may become two roles only is what counts."""
    with rest.owner() as owner:
        names = [row[0] for row in owner.execute("SELECT rolname FROM pg_roles")]
    assert {"postgres", "staging_writer", "telegraf", "postgrest"} <= set(names)
    for name in {*names, "nobody_at_all"} - {"writer", "web_anon"}:
        status = change(rest, "add_excluded_address", "a", token(role=name))
        assert status in (400, 401, 403), (name, status)
    assert change(rest, "add_excluded_address", "a", token(role="web_anon")) in (401, 403)
    assert excluded(rest) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"p_schema": "nowhere"},
        {"p_interval": "0"},
        {"p_interval": "-1 hour"},
        {"p_from": DAY["p_to"], "p_to": DAY["p_from"]},
        {"p_interval": "1 second"},
    ],
    ids=lambda wrong: ", ".join(wrong),
)
def test_bad_arguments_get_400_and_a_hint(rest: Rest, wrong: dict[str, str]) -> None:
    answer = rest.get("/rpc/get_agg_burned_supply", params={**BURNED, **wrong})
    assert (answer.status_code, answer.json()["code"]) == (400, "22023")
    assert answer.json()["hint"]


@pytest.mark.parametrize(
    "path", ["/excluded_addresses", "/prometheus_remote_write", "/pg_roles", "/rpc/pg_sleep"]
)
def test_there_is_nothing_but_the_functions(rest: Rest, path: str) -> None:
    assert rest.get(path).status_code == 404
    for schema in ("internal", "pg_catalog", "public"):
        assert rest.get(path, headers={"Accept-Profile": schema}).status_code == 406


def test_migrations_are_seen_without_a_restart(rest: Rest) -> None:
    before = rest.get("/").json()
    with ScratchDatabase(rest.database_url) as database:
        migrator = Migrator(database, load_migrations(SQL_DIR))
        try:
            migrator.down(31)
            wait_until(
                lambda: rest.get("/rpc/get_excluded_addresses").json()["code"] == "PGRST202",
                "that the functions are gone",
            )
        finally:
            migrator.up()
    wait_until(lambda: bool(rest.get("/").json() == before), "all functions as before")
    assert rest.get("/rpc/get_excluded_addresses").status_code == 200


def test_the_openapi_page_describes_every_function(rest: Rest) -> None:
    page: dict[str, Any] = rest.get("/").json()
    assert page["info"]["title"] == "Metrics over time"
    assert page["info"]["description"]
    found = {
        path.removeprefix("/rpc/"): ways for path, ways in page["paths"].items() if path != "/"
    }
    wanted = {name: names for name, _, names in functions(rest)}
    assert found.keys() == wanted.keys()
    for name, ways in found.items():
        for way in ways.values():
            assert way["summary"].endswith("."), name
            assert all(argument in way["description"] for argument in wanted[name]), name


def test_it_is_connected_as_its_own_role_alone(rest: Rest) -> None:
    with rest.owner() as owner:
        found = owner.execute(
            "SELECT DISTINCT usename, rolsuper, rolcreaterole, rolbypassrls FROM pg_stat_activity"
            " JOIN pg_roles ON rolname = usename"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    assert found == [("postgrest", False, False, False)]
