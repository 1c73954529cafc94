"""What the documentation calls a result."""

from __future__ import annotations

_TITLES = {
    "loading.definitions": "Dagster's definitions loaded",
    "memory.one_week": "memory of a backfill run over one week",
    "memory.whole_history": "memory of a backfill run over the whole history",
    "memory.all_gauges_of_a_year": "memory of a backfill run over a year of all gauges",
    "dagster_share.whole_history": "Dagster's own share of a whole-history backfill",
    "writing.empty": "load into an empty window, verified, with tags",
    "writing.partly": "load into a window that has some of the rows",
    "writing.complete": "load of a window that has all of the rows",
    "writing.copy_only": "COPY into our table, nothing else",
    "writing.old_way": "the predecessor's staging",
    "staging.live": "live batches of 10,000 through staging",
    "staging.old": "batches with old rows through staging",
    "refreshing.one_hour": "refresh after one changed hour of a year",
    "refreshing.nothing_changed": "refresh of an aggregate when nothing has changed",
    "refreshing.nothing_by_a_person": "the same, asked for by a person",
    "api.year_by_day.p95": "API: a year by the day, slowest function, p95",
    "api.year_by_day.4x_history": "API: a year by the day, with four times the history",
    "api.year_by_month.p95": "API: a year by the month, slowest function, p95",
    "api.year_by_month.4x_history": "API: a year by the month, with four times the history",
    "api.year_by_hour.p95": "API: a year by the hour, slowest function, p95",
    "api.year_by_hour.4x_history": "API: a year by the hour, with four times the history",
    "api.year_to_now.p95": "API: a year up to now by the day, slowest function, p95",
    "api.year_to_now.4x_history": "API: a year up to now by the day, with four times the history",
    "api.week_by_minute.p95": "API: a week by the minute, slowest function, p95",
    "api.week_by_minute.4x_history": "API: a week by the minute, with four times the history",
    "api.month_by_15_minutes.p95": "API: a month by 15 minutes, slowest function, p95",
    "api.month_by_15_minutes.4x_history": "API: a month by 15 minutes, with four times the history",
    "api.latest.p95": "API: the newest values, slowest function, p95",
    "api.latest.4x_history": "API: the newest values, with four times the history",
    "api.faster.metric": "API: a metric's year, against the predecessor",
    "api.faster.running_total": "API: a running total's year, against the predecessor",
    "api.faster.market_cap": "API: the market cap's year, against the predecessor",
    "history.against_predecessor": "from Prometheus to refreshed aggregates, against the old way",
    "history.against_hurried": "the same, against vmalert without its pauses, in parallel",
}


def title(name: str) -> str:
    """Return a result's name in words."""
    return _TITLES.get(name) or name.replace(".", ": ", 1).replace("_", " ")
