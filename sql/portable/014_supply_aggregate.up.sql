CREATE TABLE internal.cagg_calculated_metric_stored (
    bucket timestamptz,
    name   text,
    schema text,
    value  numeric,
    PRIMARY KEY (bucket, name, schema)
);

CREATE INDEX idx_cagg_calculated_metric_name_schema_bucket
ON internal.cagg_calculated_metric_stored (name, schema, bucket DESC);

-- What the raw rows of [p_from, p_to) say. No SET: the body is bound when it is created, and
-- the planner can inline it.
-- The last sample is the newest one and, when several series share that instant, the largest:
-- TimescaleDB's last() picks any of them, and plain PostgreSQL has none.
CREATE FUNCTION internal.cagg_calculated_metric_rows(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (bucket timestamptz, name text, schema text, value numeric)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT
    date_bin(INTERVAL '1 minute', r.time, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS bucket,
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
WHERE r.time >= p_from AND r.time < p_to
AND r.name IN (
    'manifest_tokenomics_total_supply',
    'manifest_tokenomics_excluded_supply',
    'locked_tokens',
    'locked_fees',
    'total_mfx_burned',
    'talib_mfx_power_conversion'
)
GROUP BY 1, 2, 3;
END;

-- Real-time: what is stored, and the raw rows behind its newest bucket.
CREATE VIEW internal.cagg_calculated_metric AS
SELECT bucket, name, schema, value
FROM internal.cagg_calculated_metric_stored
UNION ALL
SELECT bucket, name, schema, value
FROM internal.cagg_calculated_metric_rows(
    COALESCE(
        (SELECT max(bucket) + INTERVAL '1 minute' FROM internal.cagg_calculated_metric_stored),
        '-infinity'
    ),
    'infinity'
);

REVOKE EXECUTE ON FUNCTION internal.cagg_calculated_metric_rows(timestamptz, timestamptz)
FROM PUBLIC;
