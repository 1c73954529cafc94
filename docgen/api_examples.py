"""A small known world, and one call of each function whose answer can be worked out by hand.

The world is made near the present, since the API answers for the last day and the last year, and is
shown as if it were the first days of November 2026.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from urllib.parse import quote

from psycopg import sql

from docgen.api_catalog import Function
from tests.sql.world import DAY, EXCLUDED, HOUR, PRICE, TOTAL, World, days_ago, minutes_ago

SHOWN_DAY = datetime(2026, 11, 1, tzinfo=timezone.utc)
SHOWN_NEWEST = datetime(2026, 11, 3, 12, 34, tzinfo=timezone.utc)
_HOURS = 4
_ADDRESS = "manifest1qqqsyqcyq5rqwzqf3953cc"
_NEW_ADDRESS = "manifest1qyqszqgpqyqszqgpqyqszq"
_GIVEN = {
    "p_schema": "mainnet",
    "p_interval": "1 hour",
    "p_from": "2026-11-01T00:00:00Z",
    "p_to": "2026-11-01T03:00:00Z",
    "p_metric_name": "node_count",
    "p_value": _ADDRESS,
}
_OTHERWISE = {
    "get_agg_metric": {"p_schema": "common"},
    "get_agg_cumsum_metric": {"p_metric_name": "web_requests", "p_schema": "cumsum"},
    "add_excluded_address": {"p_value": _NEW_ADDRESS},
    "get_coverage": {"p_schema": "common", "p_interval": "1 day", "p_to": "2026-11-02T00:00:00Z"},
}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|\+00:00)")


class Example:
    """Hold one known world; its instants are put in place of those that are shown."""

    def __init__(self, world: World) -> None:
        """Fill the world."""
        self.world = world
        self.day, self.newest = days_ago(3), minutes_ago(2)
        self._real = {SHOWN_DAY + n * HOUR: self.day + n * HOUR for n in range(_HOURS + 1)}
        self._real[SHOWN_DAY + DAY] = self.day + DAY
        self._real[SHOWN_NEWEST] = self.newest
        self._shown = {real: shown for shown, real in self._real.items()}
        self._fill()

    def _fill(self) -> None:
        world = self.world
        for hour, (nodes, price) in enumerate(((41, "0.25"), (43, "0.5"), (42, "0.4"))):
            at = self.day + hour * HOUR
            total, excluded = 123_456_789_000 + 5 * hour, 23_456_789_000
            world.put_supply("mainnet", at, total, excluded, tokens=0, fees=3 * hour)
            world.put(PRICE, "common", at, price)
            world.put("node_count", "common", at, nodes)
            world.put("total_mfx_burned", "mainnet", at, 1_000 + 10 * hour)
            world.put("web_requests", "cumsum", at, 600 + hour)
        for tier in ("mainnet", "testnet"):
            world.put(TOTAL, tier, self.newest, supply="123456789012")
            world.put(EXCLUDED, tier, self.newest, excluded_supply="23456789000")
            world.put("total_mfx_burned", tier, self.newest, 1_030)
        world.put(PRICE, "common", self.newest, "0.5")
        world.put("node_count", "common", self.newest, 44)
        world.put("web_requests", "cumsum", self.newest, 700)
        place = {"instance": "node-1:19999", "country_name": "Canada", "city": "Montreal"}
        world.put("manifest_geo_latitude", "geo", self.newest, "45.5", instance="node-1:19999")
        world.put("manifest_geo_longitude", "geo", self.newest, "-73.6", instance="node-1:19999")
        world.put("manifest_geo_metadata", "geo", self.newest, 1, **place)
        world.settle()
        world.ask("add_excluded_address", _ADDRESS)

    def answer(self, function: Function) -> str:
        """Return what a call answers, as the JSON that PostgREST makes of it; undoes a change."""
        given = {name: self.real(text) for name, text in arguments(function).items()}
        named = sql.SQL(", ").join(
            sql.SQL("{} => {}").format(sql.Identifier(name), sql.Literal(text))
            for name, text in given.items()
        )
        call = sql.SQL("{}({})").format(sql.Identifier("api", function.name), named)
        whole = "SELECT coalesce(json_agg(t), '[]')::text FROM {} AS t"
        single = "SELECT coalesce(to_json({})::text, 'null')"
        statement = sql.SQL(whole if function.columns else single).format(call)
        connection = self.world.connection
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL TimeZone = 'UTC'")
            connection.execute(
                sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(function.callers[0]))
            )
            row = connection.execute(statement).fetchone()
        if row is None or function.result == "void":
            return ""
        # json_agg has a line for each row, as PostgREST has.
        return self.shown(str(row[0])).replace(", \n", ",\n")

    def real(self, text: str) -> str:
        """Return a text with the world's instants in place of those that are shown."""
        return _INSTANT.sub(lambda each: _put(each[0], self._real), text)

    def shown(self, text: str) -> str:
        """Return a text with the instants that are shown; raises KeyError for any other."""
        return _INSTANT.sub(lambda each: _put(each[0], self._shown), text)


def arguments(function: Function) -> dict[str, str]:
    """Return what the example gives; raises KeyError for an argument that nobody thought of."""
    otherwise = _OTHERWISE.get(function.name, {})
    return {name: otherwise.get(name) or _GIVEN[name] for name in function.arguments}


def request(function: Function) -> tuple[str, str]:
    """Return the method with the path, and what follows it."""
    given = arguments(function)
    if function.writes:
        body = (
            "Authorization: Bearer TOKEN",
            "Content-Type: application/json",
            "",
            json.dumps(given),
        )
        return f"POST /rpc/{function.name}", "\n".join(body)
    query = "&".join(f"{name}={quote(text, safe=':')}" for name, text in given.items())
    return f"GET /rpc/{function.name}" + (f"?{query}" if query else ""), ""


def _put(text: str, known: dict[datetime, datetime]) -> str:
    found = known[datetime.fromisoformat(text.replace("Z", "+00:00"))]
    end = "Z" if text.endswith("Z") else "+00:00"
    return f"{found:%Y-%m-%dT%H:%M:%S}{end}"
