"""Every API function over one year and over four, and the old functions on the same rows.

Older than `days` the minutes are those at full hours; hours and days are all there, and no function
reads minutes so old. Seconds are those of a call from this machine, of all rows, counted there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone

import psycopg

from bench.api_history import DAY, HOUR, History, old_database, our_database
from bench.measuring import Timings, alternate
from bench.results import Result, at_least, at_most, told
from bench.world import Bench
from promtsdb_dagster.core.windows import floor
from promtsdb_dagster.errors import StoreError

_CALLS = {"quick": 8, "full": 30}
_SERIES_MS, _LATEST_MS, _LONGER, _FASTER = 20.0, 5.0, 1.5, 50.0
_YEAR = 365
_SERIES = {
    "metric": "get_agg_metric('metric_101', 'mainnet', ",
    "running_total": "get_agg_cumsum_metric('web_requests', 'cumsum', ",
    "circulating_supply": "get_agg_circulating_supply('mainnet', ",
    "burned_supply": "get_agg_burned_supply('mainnet', ",
    "fdv": "get_agg_fdv('mainnet', ",
    "market_cap": "get_agg_market_cap('mainnet', ",
}
_LATEST = {
    **{
        f"latest_{what}": f"get_latest_{what}('mainnet')"
        for what in ("circulating_supply", "burned_supply", "fdv", "market_cap")
    },
    "all_latest_token": "get_all_latest_token_metrics('mainnet')",
    "total_value": "get_latest_mainnet_total_supply_value()",
    "circulating_value": "get_latest_mainnet_circulating_supply_value()",
    **{
        f"all_latest_{schema}": f"get_all_latest_{schema}_metrics()"
        for schema in ("mainnet", "testnet", "common", "cumsum")
    },
    "positions": "get_latest_geo_coordinates()",
}
_OLD = ("metric", "running_total", "market_cap")


def run(bench: Bench) -> Iterator[Result]:
    """Yield 95th percentiles, what four times the history costs, and how much faster it became."""
    days = bench.size.pick(quick=14, full=_YEAR)
    one = our_database(bench, History(days, _YEAR - days))
    four = our_database(bench, History(days, 4 * _YEAR - days))
    spans = _spans(days)
    yearly = {
        f"{name}, {span}": f"api.{call}{spans[span]})"
        for name, call in _SERIES.items()
        for span in spans
    }
    latest = {name: f"api.{call}" for name, call in _LATEST.items()}
    with psycopg.connect(one, autocommit=True) as short, psycopg.connect(four) as long:
        long.autocommit = True
        found = alternate(
            {
                (f"{age}: {name}"): _asking(connection, call)
                for name, call in {**yearly, **latest}.items()
                for age, connection in (("1", short), ("4", long))
            },
            rounds=_CALLS[bench.size.name],
            warm_up=3,
        )
    for group, names, most in (
        ("year_by_day", [n for n in yearly if n.endswith("year by day")], _SERIES_MS),
        ("year_by_month", [n for n in yearly if n.endswith("year by month")], _SERIES_MS),
        ("year_by_hour", [n for n in yearly if n.endswith("year by hour")], _SERIES_MS),
        ("year_to_now", [n for n in yearly if n.endswith("year to now by day")], _SERIES_MS),
        ("minutes", [n for n in yearly if "year" not in n], 0.0),
        ("latest", list(latest), _LATEST_MS),
    ):
        yield from _judged(bench, group, names, found, most)
    yield from _against_old(bench, one, History(days, _YEAR - days), spans)


def _spans(days: int) -> dict[str, str]:
    now = datetime.now(timezone.utc)
    today = floor(now, DAY)
    year = (today - _YEAR * DAY, today)
    some = {
        "year by day": ("1 day", *year),
        "year by month": ("1 month", *year),
        "year by hour": ("1 hour", *year),
        # Neither end is a full hour.
        "year to now by day": ("1 day", now - _YEAR * DAY + 17 * HOUR / 60, now),
        "week by minute": ("1 minute", today - 7 * DAY, today),
        "month by 15 minutes": ("15 minutes", today - min(31, days) * DAY, today),
    }
    return {
        name: f"'{i}', '{a.isoformat()}', '{b.isoformat()}'" for name, (i, a, b) in some.items()
    }


def _asking(connection: psycopg.Connection, call: str) -> Callable[[], object]:
    text = f"SELECT count(*) FROM {call}"  # noqa: S608
    return lambda: connection.execute(text).fetchone()


def _judged(
    bench: Bench, group: str, names: list[str], found: dict[str, Timings], most: float
) -> Iterator[Result]:
    detail: dict[str, object] = {
        name: {
            "median_ms": round(found[f"1: {name}"].median * 1000, 2),
            "p95_ms": round(found[f"1: {name}"].p95 * 1000, 2),
            "times_with_4x": round(found[f"4: {name}"].median / found[f"1: {name}"].median, 2),
        }
        for name in names
    }
    worst = max(found[f"1: {name}"].p95 for name in names) * 1000
    longer = max(found[f"4: {name}"].median / found[f"1: {name}"].median for name in names)
    if most:
        yield at_most(f"api.{group}.p95", bench.engine, worst, most, unit="ms", **detail)
    else:
        yield told(f"api.{group}.p95", bench.engine, worst, unit="ms", **detail)
    yield at_most(f"api.{group}.4x_history", bench.engine, longer, _LONGER, unit="x")


def _against_old(
    bench: Bench, ours: str, history: History, spans: dict[str, str]
) -> Iterator[Result]:
    old = old_database(bench, history)
    is_year = history.days >= _YEAR
    with (
        psycopg.connect(ours, autocommit=True) as new,
        psycopg.connect(bench.admin_url(old)) as former,
    ):
        former.autocommit = True
        for name in _OLD:
            call = f"api.{_SERIES[name]}{spans['year by day']})"
            found = alternate(
                {"new": _asking(new, call), "old": _asking(former, call)}, rounds=bench.rounds
            )
            answers = {_asking(each, call)() for each in (new, former)}
            if len(answers) != 1 or answers == {(0,)}:
                raise StoreError(
                    f"the old and the new {name} answer with {answers} rows, wanted the same; "
                    "the histories of bench/sql/api_fill*.sql differ"
                )
            factor = found["old"].median / found["new"].median
            detail = {way: round(each.median * 1000, 2) for way, each in found.items()}
            yield (
                at_least(f"api.faster.{name}", bench.engine, factor, _FASTER, unit="x", **detail)
                if is_year
                else told(f"api.faster.{name}", bench.engine, factor, unit="x", **detail)
            )
