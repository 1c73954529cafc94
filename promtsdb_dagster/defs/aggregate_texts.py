"""What is said of the aggregates in the graph."""

import dagster as dg

from promtsdb_dagster.defs.describing import described, links

_TIER = (
    "The gauges of the tier {}, one bucket a minute and metric: the amount, which is the "
    "largest label `supply`, `excluded_supply` or `amount`, else the last sample."
)
_HOLDS = {
    "cumsum.all_metrics_minute": (
        "The running totals by the minute: the sum of the increments of each metric. A total "
        "is the sum of all buckets before it."
    ),
    "internal.cagg_calculated_metric": (
        "What supply and value of the token are made of, one bucket a minute, metric and tier. "
        "Shows rows that are not refreshed yet, too."
    ),
    **{
        f"internal.prometheus_{tier}_1m": _TIER.format(tier)
        for tier in ("mainnet", "testnet", "common")
    },
    "geo.latest_coords": (
        "Where each machine was: the last position, country and city of each minute."
    ),
}
_REFRESHING = (
    "Hours and days above them are part of this asset.\n\nA refresh that a person starts covers "
    "the whole range that is asked for, one by automation only what changed in it. Buckets whose "
    "raw rows are gone are never touched."
)
_WHEN_RED = (
    "`agrees_with_rows` names a bucket that differs from its rows: materialize these weeks again, "
    "with `rebuild` if that changes nothing (docs/how-to/recover-an-aggregate.md). A failed "
    "refresh keeps its notes; the sensor `late_changes` tries again after 15 minutes."
)
_MADE_BY = {
    "all_metrics_minute": "013_cumsum_aggregate",
    "cagg_calculated_metric": "014_supply_aggregate",
    "latest_coords": "016_geo_aggregate",
}


def aggregate_text(table: str) -> str:
    """Return the description of an aggregate, given by its name in SQL."""
    return described(f"{_HOLDS[table]} {_REFRESHING}", _WHEN_RED)


def aggregate_links(name: str) -> dict[str, dg.MetadataValue]:
    """Return links to what makes and refreshes an aggregate, given without its schema."""
    made_by = f"{_MADE_BY.get(name, '015_tier_aggregates')}.up.sql"
    return links(
        f"sql/migrations/{made_by}",
        f"sql/portable/{made_by}",
        "sql/queries/refresh_timescaledb.sql",
        "sql/queries/refresh_postgresql.sql",
        "sql/queries/select_changes.sql",
        "promtsdb_dagster/adapters/aggregates.py",
        "promtsdb_dagster/defs/aggregates.py",
    )
