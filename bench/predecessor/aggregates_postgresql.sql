-- Without TimescaleDB: tables of the same columns.

CREATE TABLE cumsum.all_metrics_minute
    (bucket timestamptz, name text, schema text, sum_value numeric);
CREATE TABLE internal.cagg_calculated_metric
    (bucket timestamptz, name text, schema text, value numeric);
CREATE TABLE internal.prometheus_mainnet_1m
    (bucket timestamptz, name text, value numeric);
CREATE TABLE internal.prometheus_testnet_1m
    (bucket timestamptz, name text, value numeric);
CREATE TABLE internal.prometheus_common_1m
    (bucket timestamptz, name text, value numeric);
CREATE TABLE geo.latest_coords
    (bucket timestamptz, instance text, latitude numeric, longitude numeric,
    country_name text, city text);

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
