"""What the aggregates ought to hold, reckoned anew from the raw rows in other words than theirs."""

from __future__ import annotations

from datetime import datetime

from promtsdb_dagster.adapters.database import Database

_JOINED = """
    SELECT date_trunc('minute', r.time) AS bucket, r.*,
        t.instance, t.country_name, t.city, t.supply, t.excluded_supply, t.amount
    FROM internal.prometheus_remote_write r JOIN internal.prometheus_remote_write_tag t
    USING (tag_id)
    WHERE r.time >= %(start)s AND r.time < %(end)s
"""
_AMOUNTS = f"""
    SELECT DISTINCT {{columns}}, coalesce(
        max(internal.amount(supply)) OVER bucket_of_one,
        max(internal.amount(excluded_supply)) OVER bucket_of_one,
        max(internal.amount(amount)) OVER bucket_of_one,
        first_value(value) OVER (
            PARTITION BY bucket, name, schema ORDER BY time DESC, value DESC)
    ) AS value
    FROM ({_JOINED}) joined WHERE {{where}}
    WINDOW bucket_of_one AS (PARTITION BY bucket, name, schema)
"""  # noqa: S608
_SUPPLY = (
    "name IN ('manifest_tokenomics_total_supply', 'manifest_tokenomics_excluded_supply',"
    " 'locked_tokens', 'locked_fees', 'total_mfx_burned', 'talib_mfx_power_conversion')"
)
_LAST = "(array_agg({0} ORDER BY time DESC, {0} DESC) FILTER (WHERE {1}))[1]"
_WANTED = {
    "cumsum.all_metrics_minute": """
        SELECT date_trunc('minute', time) AS bucket, name, schema, sum(value) AS sum_value
        FROM cumsum.prometheus_remote_write
        WHERE time >= %(start)s AND time < %(end)s
        GROUP BY 1, 2, 3
    """,
    "internal.cagg_calculated_metric": _AMOUNTS.format(
        columns="bucket, name, schema", where=_SUPPLY
    ),
    **{
        f"internal.prometheus_{tier}_1m": _AMOUNTS.format(
            columns="bucket, name", where=f"schema = '{tier}'"
        )
        for tier in ("mainnet", "testnet", "common")
    },
    "geo.latest_coords": f"""
        SELECT bucket, instance,
            {_LAST.format("value", "name = 'manifest_geo_latitude'")},
            {_LAST.format("value", "name = 'manifest_geo_longitude'")},
            {_LAST.format("country_name", "country_name IS NOT NULL")},
            {_LAST.format("city", "city IS NOT NULL")}
        FROM ({_JOINED}) joined WHERE schema = 'geo'
        GROUP BY bucket, instance
    """,  # noqa: S608
}


def wrong_buckets(database: Database, until: datetime) -> dict[str, int]:
    """Count, for each aggregate, the rows that it lacks or has too many, up to an instant.

    Below the refresh floor nobody can know; an aggregate without a fault is left out.
    """
    found = {}
    with database.connection() as connection:
        for name, wanted in _WANTED.items():
            # As text: where there are no raw rows the floor is infinity.
            (floor,) = connection.execute(
                "SELECT internal.refresh_floor(%s)::text", [name]
            ).fetchone() or ("infinity",)
            row = connection.execute(
                f"""
                WITH wanted AS ({wanted}), held AS (
                    SELECT * FROM {name} WHERE bucket >= %(start)s AND bucket < %(end)s
                ), lacking AS (SELECT * FROM wanted EXCEPT ALL SELECT * FROM held
                ), spare AS (SELECT * FROM held EXCEPT ALL SELECT * FROM wanted)
                SELECT (SELECT count(*) FROM lacking) + (SELECT count(*) FROM spare)
                """,  # noqa: S608
                {"start": floor, "end": until},
            ).fetchone()
            if row and row[0]:
                found[name] = int(row[0])
    return found
