-- Hours between the minutes and the days of positions: what is not a day yet would be up to 25 hours
-- of minutes, all read for each instance that never told its city.
CREATE TABLE geo.latest_coords_hour (
    bucket       timestamptz NOT NULL,
    instance     text,
    latitude     numeric,
    longitude    numeric,
    country_name text,
    city         text,
    -- A series without the label has a position too.
    CONSTRAINT latest_coords_hour_key UNIQUE NULLS NOT DISTINCT (bucket, instance)
);

CREATE INDEX idx_geo_latest_coords_hour_instance_bucket
ON geo.latest_coords_hour (instance, bucket DESC);

-- The last of each that is known. Seconds since the epoch sort as text, in "C", from 2001 to 2286:
-- ten digits each.
CREATE FUNCTION geo.latest_coords_hour_rows(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (
    bucket timestamptz, instance text, latitude numeric, longitude numeric,
    country_name text, city text
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT
    date_bin(INTERVAL '1 hour', r.bucket, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS bucket,
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
WHERE r.bucket >= p_from AND r.bucket < p_to
GROUP BY 1, 2;
END;

REVOKE EXECUTE ON FUNCTION geo.latest_coords_hour_rows(timestamptz, timestamptz) FROM PUBLIC;

-- A refresh that does not know of these hours yet may change minutes, and waits until this is
-- committed.
LOCK TABLE geo.latest_coords IN SHARE MODE;
INSERT INTO geo.latest_coords_hour SELECT * FROM geo.latest_coords_hour_rows('-infinity', 'infinity');

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
