-- One of them shows rows that are not materialized yet; the others are as old as their refresh.

CREATE MATERIALIZED VIEW cumsum.all_metrics_minute
WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
SELECT public.time_bucket(INTERVAL '1 minute', r.time) AS bucket, r.name, r.schema,
    sum(r.value) AS sum_value
FROM cumsum.prometheus_remote_write r
GROUP BY 1, 2, 3
WITH NO DATA;

CREATE MATERIALIZED VIEW internal.cagg_calculated_metric
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT public.time_bucket(INTERVAL '1 minute', r.time) AS bucket, r.name, r.schema,
    COALESCE(
        max(t.supply::numeric),
        max(t.excluded_supply::numeric),
        max(t.amount::numeric),
        public.last(r.value, r.time)
    ) AS value
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.name IN (
    'manifest_tokenomics_total_supply', 'manifest_tokenomics_excluded_supply', 'locked_tokens',
    'locked_fees', 'total_mfx_burned', 'talib_mfx_power_conversion')
GROUP BY 1, 2, 3
WITH NO DATA;

CREATE MATERIALIZED VIEW internal.prometheus_mainnet_1m
WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
SELECT public.time_bucket(INTERVAL '1 minute', r.time) AS bucket, r.name,
    COALESCE(
        max(t.supply::numeric),
        max(t.excluded_supply::numeric),
        max(t.amount::numeric),
        public.last(r.value, r.time)
    ) AS value
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.schema = 'mainnet'
GROUP BY 1, 2
WITH NO DATA;

CREATE MATERIALIZED VIEW internal.prometheus_testnet_1m
WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
SELECT public.time_bucket(INTERVAL '1 minute', r.time) AS bucket, r.name,
    COALESCE(
        max(t.supply::numeric),
        max(t.excluded_supply::numeric),
        max(t.amount::numeric),
        public.last(r.value, r.time)
    ) AS value
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.schema = 'testnet'
GROUP BY 1, 2
WITH NO DATA;

CREATE MATERIALIZED VIEW internal.prometheus_common_1m
WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
SELECT public.time_bucket(INTERVAL '1 minute', r.time) AS bucket, r.name,
    COALESCE(
        max(t.supply::numeric),
        max(t.excluded_supply::numeric),
        max(t.amount::numeric),
        public.last(r.value, r.time)
    ) AS value
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.schema = 'common'
GROUP BY 1, 2
WITH NO DATA;

CREATE MATERIALIZED VIEW geo.latest_coords
WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
SELECT public.time_bucket(INTERVAL '1 minute', r.time) AS bucket, t.instance,
    public.last(r.value, r.time)
        FILTER (WHERE r.name = 'manifest_geo_latitude') AS latitude,
    public.last(r.value, r.time)
        FILTER (WHERE r.name = 'manifest_geo_longitude') AS longitude,
    public.last(t.country_name, r.time)
        FILTER (WHERE t.country_name IS NOT NULL) AS country_name,
    public.last(t.city, r.time)
        FILTER (WHERE t.city IS NOT NULL) AS city
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.schema = 'geo'
GROUP BY 1, 2
WITH NO DATA;

CREATE INDEX idx_cumsum_all_metrics_minute_name_schema_bucket
ON cumsum.all_metrics_minute (name, schema, bucket DESC);
CREATE INDEX idx_cagg_calculated_metric_name_schema_bucket
ON internal.cagg_calculated_metric (name, schema, bucket DESC);
CREATE INDEX idx_prometheus_mainnet_1m_name_bucket
ON internal.prometheus_mainnet_1m (name, bucket DESC);
CREATE INDEX idx_prometheus_testnet_1m_name_bucket
ON internal.prometheus_testnet_1m (name, bucket DESC);
CREATE INDEX idx_prometheus_common_1m_name_bucket
ON internal.prometheus_common_1m (name, bucket DESC);
CREATE INDEX idx_geo_latest_coords_bucket
ON geo.latest_coords (bucket DESC);
