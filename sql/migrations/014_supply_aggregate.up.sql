-- The last sample is the newest one and, when several series share that instant, the largest:
-- TimescaleDB's last() picks any of them, and plain PostgreSQL has none.
CREATE MATERIALIZED VIEW internal.cagg_calculated_metric
WITH (
    timescaledb.continuous,
    timescaledb.materialized_only = false,
    timescaledb.create_group_indexes = false
) AS
SELECT
    public.time_bucket(INTERVAL '1 minute', r.time) AS bucket,
    r.name,
    r.schema,
    COALESCE(
        max(internal.amount(t.supply)),
        max(internal.amount(t.excluded_supply)),
        max(internal.amount(t.amount)),
        (max(ARRAY[extract(epoch FROM r.time AT TIME ZONE 'UTC'), r.value]))[2]
    ) AS value
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.name IN (
    'manifest_tokenomics_total_supply',
    'manifest_tokenomics_excluded_supply',
    'locked_tokens',
    'locked_fees',
    'total_mfx_burned',
    'talib_mfx_power_conversion'
)
GROUP BY 1, 2, 3
WITH NO DATA;

CREATE INDEX idx_cagg_calculated_metric_name_schema_bucket
ON internal.cagg_calculated_metric (name, schema, bucket DESC);
