CREATE MATERIALIZED VIEW cumsum.all_metrics_minute
WITH (
    timescaledb.continuous,
    timescaledb.materialized_only = true,
    timescaledb.create_group_indexes = false
) AS
SELECT
    public.time_bucket(INTERVAL '1 minute', r.time) AS bucket,
    r.name,
    r.schema,
    sum(r.value) AS sum_value
FROM cumsum.prometheus_remote_write r
GROUP BY 1, 2, 3
WITH NO DATA;

CREATE INDEX idx_cumsum_all_metrics_minute_name_schema_bucket
ON cumsum.all_metrics_minute (name, schema, bucket DESC);
