-- From the beginning, whatever changed.

TRUNCATE cumsum.all_metrics_minute;
INSERT INTO cumsum.all_metrics_minute
SELECT date_trunc('minute', r.time) AS bucket, r.name, r.schema, sum(r.value) AS sum_value
FROM cumsum.prometheus_remote_write r
GROUP BY 1, 2, 3;

TRUNCATE internal.cagg_calculated_metric;
INSERT INTO internal.cagg_calculated_metric
SELECT date_trunc('minute', r.time) AS bucket, r.name, r.schema,
    COALESCE(
        max(t.supply::numeric),
        max(t.excluded_supply::numeric),
        max(t.amount::numeric),
        (array_agg(r.value ORDER BY r.time DESC))[1]
    ) AS value
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.name IN (
    'manifest_tokenomics_total_supply', 'manifest_tokenomics_excluded_supply', 'locked_tokens',
    'locked_fees', 'total_mfx_burned', 'talib_mfx_power_conversion')
GROUP BY 1, 2, 3;

TRUNCATE internal.prometheus_mainnet_1m;
INSERT INTO internal.prometheus_mainnet_1m
SELECT date_trunc('minute', r.time) AS bucket, r.name,
    COALESCE(
        max(t.supply::numeric),
        max(t.excluded_supply::numeric),
        max(t.amount::numeric),
        (array_agg(r.value ORDER BY r.time DESC))[1]
    ) AS value
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.schema = 'mainnet'
GROUP BY 1, 2;

TRUNCATE internal.prometheus_testnet_1m;
INSERT INTO internal.prometheus_testnet_1m
SELECT date_trunc('minute', r.time) AS bucket, r.name,
    COALESCE(
        max(t.supply::numeric),
        max(t.excluded_supply::numeric),
        max(t.amount::numeric),
        (array_agg(r.value ORDER BY r.time DESC))[1]
    ) AS value
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.schema = 'testnet'
GROUP BY 1, 2;

TRUNCATE internal.prometheus_common_1m;
INSERT INTO internal.prometheus_common_1m
SELECT date_trunc('minute', r.time) AS bucket, r.name,
    COALESCE(
        max(t.supply::numeric),
        max(t.excluded_supply::numeric),
        max(t.amount::numeric),
        (array_agg(r.value ORDER BY r.time DESC))[1]
    ) AS value
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.schema = 'common'
GROUP BY 1, 2;

TRUNCATE geo.latest_coords;
INSERT INTO geo.latest_coords
SELECT date_trunc('minute', r.time) AS bucket, t.instance,
    (array_agg(r.value ORDER BY r.time DESC)
        FILTER (WHERE r.name = 'manifest_geo_latitude'))[1] AS latitude,
    (array_agg(r.value ORDER BY r.time DESC)
        FILTER (WHERE r.name = 'manifest_geo_longitude'))[1] AS longitude,
    (array_agg(t.country_name ORDER BY r.time DESC)
        FILTER (WHERE t.country_name IS NOT NULL))[1] AS country_name,
    (array_agg(t.city ORDER BY r.time DESC)
        FILTER (WHERE t.city IS NOT NULL))[1] AS city
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.schema = 'geo'
GROUP BY 1, 2;
