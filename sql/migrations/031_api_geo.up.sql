-- Of the instances there are few, of their minutes millions: this is what finds the newest of each.
CREATE INDEX idx_geo_latest_coords_instance_bucket ON geo.latest_coords (instance, bucket DESC);

CREATE FUNCTION api.get_latest_geo_coordinates()
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
COMMENT ON FUNCTION api.get_latest_geo_coordinates() IS
    E'The newest known position of each instance.\n\n'
    'latitude and longitude in degrees. An instance that no longer reports stays where it was last'
    ' seen; one whose latitude or longitude was never seen has no row. country_name and city are'
    ' null where unknown.';

REVOKE ALL ON FUNCTION api.get_latest_geo_coordinates() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION api.get_latest_geo_coordinates() TO web_anon;

NOTIFY pgrst, 'reload schema';
