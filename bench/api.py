"""Every API function over one year and over four, and the old functions on the same rows.

In the quick size it is a month instead of a year. Seconds are those of a call in the database,
which counts all rows of the answer: a client waits for them to be sent as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone

import psycopg

from bench.api_history import DAY, MINUTE, History, old_database, our_database
from bench.measuring import Timings, alternate
from bench.results import Result, at_least, at_most, told
from bench.world import Bench
from promtsdb_dagster.core.windows import floor
from promtsdb_dagster.errors import StoreError

_CALLS = 30
_SERIES_MS, _LATEST_MS, _LONGER, _FASTER = 20.0, 5.0, 1.5, 50.0
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
_QUICK, _FULL = History(31, 1, 7), History(365, 60, 365)


def run(bench: Bench) -> Iterator[Result]:
    """Yield 95th percentiles, what four times the history costs, and how much faster it became."""
    history = bench.size.pick(quick=_QUICK, full=_FULL)
    period = bench.size.pick(quick="month", full="year")
    one = our_database(bench, history)
    four = our_database(bench, replace(history, days=4 * history.days))
    spans = _spans(history, period)
    series = {
        f"{name}, {span}": f"api.{call}{spans[span]})"
        for name, call in _SERIES.items()
        for span in spans
    }
    latest = {name: f"api.{call}" for name, call in _LATEST.items()}
    with (
        psycopg.connect(bench.admin_url(one), autocommit=True) as short,
        psycopg.connect(bench.admin_url(four), autocommit=True) as long,
    ):
        found = alternate(
            {
                f"{age}: {name}": _asking(connection, call)
                for name, call in {**series, **latest}.items()
                for age, connection in (("1", short), ("4", long))
            },
            rounds=_CALLS,
            warm_up=2,
        )
    bench.drop(four)
    for span in spans:
        names = [name for name in series if name.endswith(f", {span}")]
        most = None if "minute" in span else _SERIES_MS
        yield from _judged(bench, span.replace(" ", "_"), names, found, most)
    yield from _judged(bench, "latest", list(latest), found, _LATEST_MS)
    yield from _against_old(bench, one, history, spans[f"{period} by day"])


def _spans(history: History, period: str) -> dict[str, str]:
    now = datetime.now(timezone.utc)
    today = floor(now, DAY)
    whole = (today - history.days * DAY, today)
    some = {
        f"{period} by day": ("1 day", *whole),
        f"{period} by hour": ("1 hour", *whole),
        # Neither end is a full hour.
        f"{period} to now": ("1 day", now - history.days * DAY + 17 * MINUTE, now),
    }
    if history == _FULL:
        some["year by month"] = ("1 month", *whole)
        some["week by minute"] = ("1 minute", today - 7 * DAY, today)
        some["month by 15 minutes"] = ("15 minutes", today - 31 * DAY, today)
    return {
        name: f"'{i}', '{a.isoformat()}', '{b.isoformat()}'" for name, (i, a, b) in some.items()
    }


def _asking(connection: psycopg.Connection, call: str) -> Callable[[], object]:
    def ask() -> object:
        row = connection.execute("SELECT bench.seconds_of(%s)", [call]).fetchone()
        return row[0] if row else None

    return ask


def _rows(connection: psycopg.Connection, call: str) -> object:
    return connection.execute(f"SELECT count(*) FROM {call}").fetchone()  # noqa: S608


def _judged(
    bench: Bench, group: str, names: list[str], found: dict[str, Timings], most: float | None
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
    if most is not None:
        yield at_most(f"api.{group}.p95", bench.engine, worst, most, unit="ms", **detail)
    else:
        yield told(f"api.{group}.p95", bench.engine, worst, unit="ms", **detail)
    yield at_most(f"api.{group}.4x_history", bench.engine, longer, _LONGER, unit="x")


def _against_old(bench: Bench, ours: str, history: History, span: str) -> Iterator[Result]:
    old = old_database(bench, history)
    with (
        psycopg.connect(bench.admin_url(ours), autocommit=True) as new,
        psycopg.connect(bench.admin_url(old), autocommit=True) as former,
    ):
        for name in _OLD:
            call = f"api.{_SERIES[name]}{span})"
            found = alternate(
                {"new": _asking(new, call), "old": _asking(former, call)}, rounds=bench.rounds
            )
            answers = {_rows(each, call) for each in (new, former)}
            if len(answers) != 1 or answers == {(0,)}:
                raise StoreError(
                    f"the old and the new {name} answer with {answers} rows, wanted the same; "
                    "the histories of bench/sql/api_fill*.sql differ"
                )
            factor = found["old"].median / found["new"].median
            detail = {way: round(each.median * 1000, 2) for way, each in found.items()}
            yield (
                at_least(f"api.faster.{name}", bench.engine, factor, _FASTER, unit="x", **detail)
                if history == _FULL
                else told(f"api.faster.{name}", bench.engine, factor, unit="x", **detail)
            )
