CREATE TABLE geo.latest_coords (
    bucket       timestamptz NOT NULL,
    instance     text,
    latitude     numeric,
    longitude    numeric,
    country_name text,
    city         text,
    -- A series without the label has a position too.
    CONSTRAINT latest_coords_key UNIQUE NULLS NOT DISTINCT (bucket, instance)
);

CREATE INDEX idx_geo_latest_coords_bucket ON geo.latest_coords (bucket DESC);

-- What the raw rows of [p_from, p_to) say. No SET: the body is bound when it is created, and
-- the planner can inline it.
-- The last sample is the newest one and, when several series share that instant, the largest:
-- TimescaleDB's last() picks any of them, and plain PostgreSQL has none.
-- Seconds since the epoch sort as text, in "C", from 2001 to 2286: ten digits each.
CREATE FUNCTION geo.latest_coords_rows(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (
    bucket timestamptz, instance text, latitude numeric, longitude numeric,
    country_name text, city text
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT
    date_bin(INTERVAL '1 minute', r.time, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS bucket,
    t.instance,
    (max(ARRAY[extract(epoch FROM r.time AT TIME ZONE 'UTC'), r.value])
        FILTER (WHERE r.name = 'manifest_geo_latitude'))[2] AS latitude,
    (max(ARRAY[extract(epoch FROM r.time AT TIME ZONE 'UTC'), r.value])
        FILTER (WHERE r.name = 'manifest_geo_longitude'))[2] AS longitude,
    (max(ARRAY[extract(epoch FROM r.time AT TIME ZONE 'UTC')::text, t.country_name] COLLATE "C")
        FILTER (WHERE t.country_name IS NOT NULL))[2] AS country_name,
    (max(ARRAY[extract(epoch FROM r.time AT TIME ZONE 'UTC')::text, t.city] COLLATE "C")
        FILTER (WHERE t.city IS NOT NULL))[2] AS city
FROM internal.prometheus_remote_write r
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
WHERE r.time >= p_from AND r.time < p_to AND r.schema = 'geo'
GROUP BY 1, 2;
END;

REVOKE EXECUTE ON FUNCTION geo.latest_coords_rows(timestamptz, timestamptz) FROM PUBLIC;
