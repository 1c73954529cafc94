CREATE OR REPLACE FUNCTION api.get_latest_geo_coordinates()
RETURNS TABLE (latitude double precision, longitude double precision, country_name text, city text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
-- Jumps from instance to instance in the (instance, bucket) index. Each value has a look-up of its
-- own: the parts of a position come from three metrics and need not arrive in the same minute.
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH RECURSIVE host (instance) AS (
            (SELECT g.instance FROM geo.latest_coords g ORDER BY g.instance LIMIT 1)
            UNION ALL
            SELECT (
                SELECT g.instance FROM geo.latest_coords g
                WHERE g.instance > host.instance
                ORDER BY g.instance LIMIT 1
            )
            FROM host
            WHERE host.instance IS NOT NULL
        )
        SELECT
            latitude.value::double precision,
            longitude.value::double precision,
            (
                SELECT g.country_name FROM geo.latest_coords g
                WHERE g.instance = host.instance AND g.country_name IS NOT NULL
                ORDER BY g.bucket DESC LIMIT 1
            ),
            (
                SELECT g.city FROM geo.latest_coords g
                WHERE g.instance = host.instance AND g.city IS NOT NULL
                ORDER BY g.bucket DESC LIMIT 1
            )
        FROM host
        CROSS JOIN LATERAL (
            SELECT g.latitude AS value FROM geo.latest_coords g
            WHERE g.instance = host.instance AND g.latitude IS NOT NULL
            ORDER BY g.bucket DESC LIMIT 1
        ) latitude
        CROSS JOIN LATERAL (
            SELECT g.longitude AS value FROM geo.latest_coords g
            WHERE g.instance = host.instance AND g.longitude IS NOT NULL
            ORDER BY g.bucket DESC LIMIT 1
        ) longitude
        ORDER BY host.instance COLLATE "C";
END
$$;

-- The index of a continuous aggregate lives beside the hypertable that stores it.
DROP INDEX IF EXISTS
    geo.idx_geo_latest_coords_hour_country_name,
    _timescaledb_internal.idx_geo_latest_coords_hour_country_name,
    geo.idx_geo_latest_coords_hour_city,
    _timescaledb_internal.idx_geo_latest_coords_hour_city,
    geo.idx_geo_latest_coords_day_country_name,
    _timescaledb_internal.idx_geo_latest_coords_day_country_name,
    geo.idx_geo_latest_coords_day_city,
    _timescaledb_internal.idx_geo_latest_coords_day_city;

NOTIFY pgrst, 'reload schema';
