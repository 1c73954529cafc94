-- Hours between the minutes and the days of positions: what is not a day yet would be up to 25 hours
-- of minutes, all read for each instance that never told its city.
CREATE MATERIALIZED VIEW geo.latest_coords_hour
WITH (
    timescaledb.continuous,
    timescaledb.materialized_only = true,
    timescaledb.create_group_indexes = false,
    timescaledb.chunk_interval = '365 days'
) AS
SELECT
    public.time_bucket(INTERVAL '1 hour', r.bucket) AS bucket,
    r.instance,
    (max(ARRAY[extract(epoch FROM r.bucket AT TIME ZONE 'UTC'), r.latitude])
        FILTER (WHERE r.latitude IS NOT NULL))[2] AS latitude,
    (max(ARRAY[extract(epoch FROM r.bucket AT TIME ZONE 'UTC'), r.longitude])
        FILTER (WHERE r.longitude IS NOT NULL))[2] AS longitude,
    (max(ARRAY[extract(epoch FROM r.bucket AT TIME ZONE 'UTC')::text, r.country_name] COLLATE "C")
        FILTER (WHERE r.country_name IS NOT NULL))[2] AS country_name,
    (max(ARRAY[extract(epoch FROM r.bucket AT TIME ZONE 'UTC')::text, r.city] COLLATE "C")
        FILTER (WHERE r.city IS NOT NULL))[2] AS city
FROM geo.latest_coords r
GROUP BY 1, 2
WITH NO DATA;

CREATE INDEX idx_geo_latest_coords_hour_instance_bucket
ON geo.latest_coords_hour (instance, bucket DESC);

CREATE OR REPLACE VIEW internal.rollup AS
SELECT * FROM (VALUES
    ('cumsum.all_metrics_hour', 'cumsum.all_metrics_minute', INTERVAL '1 hour'),
    ('cumsum.all_metrics_day', 'cumsum.all_metrics_minute', INTERVAL '1 day'),
    ('internal.cagg_calculated_metric_hour', 'internal.cagg_calculated_metric', INTERVAL '1 hour'),
    ('internal.cagg_calculated_metric_day', 'internal.cagg_calculated_metric', INTERVAL '1 day'),
    ('internal.prometheus_mainnet_1h', 'internal.prometheus_mainnet_1m', INTERVAL '1 hour'),
    ('internal.prometheus_mainnet_1d', 'internal.prometheus_mainnet_1m', INTERVAL '1 day'),
    ('internal.prometheus_testnet_1h', 'internal.prometheus_testnet_1m', INTERVAL '1 hour'),
    ('internal.prometheus_testnet_1d', 'internal.prometheus_testnet_1m', INTERVAL '1 day'),
    ('internal.prometheus_common_1h', 'internal.prometheus_common_1m', INTERVAL '1 hour'),
    ('internal.prometheus_common_1d', 'internal.prometheus_common_1m', INTERVAL '1 day'),
    ('geo.latest_coords_hour', 'geo.latest_coords', INTERVAL '1 hour'),
    ('geo.latest_coords_day', 'geo.latest_coords', INTERVAL '1 day')
) AS known (rollup, aggregate, width);
