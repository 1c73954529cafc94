-- The last sample is the newest one and, when several series share that instant, the largest:
-- TimescaleDB's last() picks any of them, and plain PostgreSQL has none.
-- Seconds since the epoch sort as text, in "C", from 2001 to 2286: ten digits each.
CREATE MATERIALIZED VIEW geo.latest_coords
WITH (
    timescaledb.continuous,
    timescaledb.materialized_only = true,
    timescaledb.create_group_indexes = false
) AS
SELECT
    public.time_bucket(INTERVAL '1 minute', r.time) AS bucket,
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
WHERE r.schema = 'geo'
GROUP BY 1, 2
WITH NO DATA;

CREATE INDEX idx_geo_latest_coords_bucket ON geo.latest_coords (bucket DESC);
