-- The last sample is the newest one and, when several series share that instant, the largest:
-- TimescaleDB's last() picks any of them, and plain PostgreSQL has none.
CREATE MATERIALIZED VIEW internal.prometheus_mainnet_1m
WITH (
    timescaledb.continuous,
    timescaledb.materialized_only = true,
    timescaledb.create_group_indexes = false
) AS
SELECT
    public.time_bucket(INTERVAL '1 minute', r.time) AS bucket,
    r.name,
    COALESCE(
        max(internal.amount(t.supply)),
        max(internal.amount(t.excluded_supply)),
        max(internal.amount(t.amount)),
        (max(ARRAY[extract(epoch FROM r.time AT TIME ZONE 'UTC'), r.value]))[2]
    ) AS value
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.schema = 'mainnet'
GROUP BY 1, 2
WITH NO DATA;

CREATE INDEX idx_prometheus_mainnet_1m_name_bucket
ON internal.prometheus_mainnet_1m (name, bucket DESC);

CREATE MATERIALIZED VIEW internal.prometheus_testnet_1m
WITH (
    timescaledb.continuous,
    timescaledb.materialized_only = true,
    timescaledb.create_group_indexes = false
) AS
SELECT
    public.time_bucket(INTERVAL '1 minute', r.time) AS bucket,
    r.name,
    COALESCE(
        max(internal.amount(t.supply)),
        max(internal.amount(t.excluded_supply)),
        max(internal.amount(t.amount)),
        (max(ARRAY[extract(epoch FROM r.time AT TIME ZONE 'UTC'), r.value]))[2]
    ) AS value
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.schema = 'testnet'
GROUP BY 1, 2
WITH NO DATA;

CREATE INDEX idx_prometheus_testnet_1m_name_bucket
ON internal.prometheus_testnet_1m (name, bucket DESC);

CREATE MATERIALIZED VIEW internal.prometheus_common_1m
WITH (
    timescaledb.continuous,
    timescaledb.materialized_only = true,
    timescaledb.create_group_indexes = false
) AS
SELECT
    public.time_bucket(INTERVAL '1 minute', r.time) AS bucket,
    r.name,
    COALESCE(
        max(internal.amount(t.supply)),
        max(internal.amount(t.excluded_supply)),
        max(internal.amount(t.amount)),
        (max(ARRAY[extract(epoch FROM r.time AT TIME ZONE 'UTC'), r.value]))[2]
    ) AS value
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.schema = 'common'
GROUP BY 1, 2
WITH NO DATA;

CREATE INDEX idx_prometheus_common_1m_name_bucket
ON internal.prometheus_common_1m (name, bucket DESC);
