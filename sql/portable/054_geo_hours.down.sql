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
    ('geo.latest_coords_day', 'geo.latest_coords', INTERVAL '1 day')
) AS known (rollup, aggregate, width);

DROP FUNCTION geo.latest_coords_hour_rows(timestamptz, timestamptz);
DROP TABLE geo.latest_coords_hour;
