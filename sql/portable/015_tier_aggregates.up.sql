CREATE TABLE internal.prometheus_mainnet_1m (
    bucket timestamptz,
    name   text,
    value  numeric,
    PRIMARY KEY (bucket, name)
);

CREATE INDEX idx_prometheus_mainnet_1m_name_bucket
ON internal.prometheus_mainnet_1m (name, bucket DESC);

CREATE TABLE internal.prometheus_testnet_1m (
    bucket timestamptz,
    name   text,
    value  numeric,
    PRIMARY KEY (bucket, name)
);

CREATE INDEX idx_prometheus_testnet_1m_name_bucket
ON internal.prometheus_testnet_1m (name, bucket DESC);

CREATE TABLE internal.prometheus_common_1m (
    bucket timestamptz,
    name   text,
    value  numeric,
    PRIMARY KEY (bucket, name)
);

CREATE INDEX idx_prometheus_common_1m_name_bucket
ON internal.prometheus_common_1m (name, bucket DESC);

-- What the raw rows of [p_from, p_to) say. No SET: the body is bound when it is created, and
-- the planner can inline it.
-- The last sample is the newest one and, when several series share that instant, the largest:
-- TimescaleDB's last() picks any of them, and plain PostgreSQL has none.
CREATE FUNCTION internal.tier_rows(p_schema text, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (bucket timestamptz, name text, value numeric)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT
    date_bin(INTERVAL '1 minute', r.time, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS bucket,
    r.name,
    COALESCE(
        max(internal.amount(t.supply)),
        max(internal.amount(t.excluded_supply)),
        max(internal.amount(t.amount)),
        (max(ARRAY[extract(epoch FROM r.time AT TIME ZONE 'UTC'), r.value]))[2]
    ) AS value
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.time >= p_from AND r.time < p_to AND r.schema = p_schema
GROUP BY 1, 2;
END;

CREATE FUNCTION internal.prometheus_mainnet_1m_rows(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (bucket timestamptz, name text, value numeric)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT * FROM internal.tier_rows('mainnet', p_from, p_to);
END;

CREATE FUNCTION internal.prometheus_testnet_1m_rows(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (bucket timestamptz, name text, value numeric)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT * FROM internal.tier_rows('testnet', p_from, p_to);
END;

CREATE FUNCTION internal.prometheus_common_1m_rows(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (bucket timestamptz, name text, value numeric)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT * FROM internal.tier_rows('common', p_from, p_to);
END;

REVOKE EXECUTE ON FUNCTION internal.tier_rows(text, timestamptz, timestamptz) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.prometheus_mainnet_1m_rows(timestamptz, timestamptz)
FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.prometheus_testnet_1m_rows(timestamptz, timestamptz)
FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.prometheus_common_1m_rows(timestamptz, timestamptz)
FROM PUBLIC;
