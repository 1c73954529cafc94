"""How much one request may take and bring, over HTTP."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.fix_postgrest import CONFIGURATION, Rest, bearer, token
from tests.fix_telegraf import wait_until
from tests.sql.test_api_callers import LIMITS
from tests.sql.world import World, days_ago

MOST_INTERVALS = 11_000
# An interval of months may begin at both ends of a range: one row more than it has months.
MOST_ROWS = MOST_INTERVALS + 1


def test_the_longest_series_comes_whole(rest: Rest) -> None:
    start, end = days_ago(30), days_ago(30) + timedelta(minutes=MOST_INTERVALS)
    with rest.owner() as owner:
        owner.execute(
            "INSERT INTO internal.prometheus_remote_write_tag (tag_id, labels) VALUES (7, '{}')"
        )
        owner.execute(
            "INSERT INTO internal.prometheus_remote_write"
            " SELECT minute, 7, 'node_count', 'common', 1"
            " FROM generate_series(%s::timestamptz, %s, '1 minute') AS minute",
            (start, end),
        )
        World(owner, "postgresql").refresh(start, end)
    answer = rest.get(
        "/rpc/get_agg_metric",
        params={
            "p_metric_name": "node_count", "p_schema": "common", "p_interval": "1 minute",
            "p_from": start.isoformat(), "p_to": end.isoformat(),
        },
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    assert len(answer.json()) == MOST_INTERVALS


LATER = """
CREATE FUNCTION api.many(n integer) RETURNS TABLE (i integer)
STABLE LANGUAGE sql AS 'SELECT generate_series(1, n)';
COMMENT ON FUNCTION api.many(integer) IS E'Count.\n\nn: to which number.';
CREATE FUNCTION api.slow() RETURNS void STABLE LANGUAGE sql AS 'SELECT pg_sleep(600)';
COMMENT ON FUNCTION api.slow() IS E'Sleep.\n\nFor ten minutes.';
CREATE FUNCTION api.setting(name text) RETURNS text
STABLE LANGUAGE sql AS 'SELECT current_setting(name)';
COMMENT ON FUNCTION api.setting(text) IS E'A setting.\n\nname: of which one.';
GRANT EXECUTE ON FUNCTION api.many(integer), api.slow(), api.setting(text) TO web_anon, writer;
NOTIFY pgrst, 'reload schema';
"""


@pytest.fixture(scope="module")
def later_functions(rest: Rest) -> None:
    """Make functions of a later release, as a migration would, while PostgREST runs."""
    assert rest.get("/rpc/many?n=1").status_code == 404
    with rest.owner() as owner:
        owner.execute(LATER)
    wait_until(lambda: rest.get("/rpc/many?n=1").status_code == 200, "the new function")


@pytest.mark.usefixtures("later_functions")
def test_no_answer_has_more_rows_than_the_limit(rest: Rest) -> None:
    found = re.search(r"^db-max-rows = (\d+)$", CONFIGURATION.read_text(), re.MULTILINE)
    assert found
    assert int(found[1]) == MOST_ROWS
    assert len(rest.get(f"/rpc/many?n={MOST_ROWS + 1}").json()) == MOST_ROWS


@pytest.mark.usefixtures("later_functions")
@pytest.mark.parametrize("role", LIMITS)
def test_each_request_has_the_limits_of_its_role(rest: Rest, role: str) -> None:
    headers = {} if role == "web_anon" else bearer(token(role))
    for name, value in LIMITS[role].items():
        assert rest.get(f"/rpc/setting?name={name}", headers=headers).json() == value


@pytest.mark.usefixtures("later_functions")
def test_no_request_runs_for_longer_than_its_limit(rest: Rest) -> None:
    """The function would sleep for ten minutes; the client gives up after one."""
    answer = rest.post("/rpc/slow")
    assert (answer.status_code, answer.json()["code"]) == (500, "57014")
