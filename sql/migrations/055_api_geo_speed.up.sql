-- Of an instance that never told its city or country one look is enough.
CREATE INDEX idx_geo_latest_coords_hour_country_name ON geo.latest_coords_hour (instance, bucket DESC)
WHERE country_name IS NOT NULL;
CREATE INDEX idx_geo_latest_coords_hour_city ON geo.latest_coords_hour (instance, bucket DESC)
WHERE city IS NOT NULL;
CREATE INDEX idx_geo_latest_coords_day_country_name ON geo.latest_coords_day (instance, bucket DESC)
WHERE country_name IS NOT NULL;
CREATE INDEX idx_geo_latest_coords_day_city ON geo.latest_coords_day (instance, bucket DESC)
WHERE city IS NOT NULL;

CREATE OR REPLACE FUNCTION api.get_latest_geo_coordinates()
RETURNS TABLE (latitude double precision, longitude double precision, country_name text, city text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
SET max_parallel_workers_per_gather = 0
-- Each value has a look-up of its own: the parts of a position come from three metrics and need not
-- arrive in the same minute.
AS $$
DECLARE
    v_parts internal.range_part[] := internal.range_parts(
        'geo.latest_coords', NULL, '-infinity', 'infinity');
    v_text text := 'SELECT';
    v_column text;
BEGIN
    FOREACH v_column IN ARRAY ARRAY['latitude', 'longitude', 'country_name', 'city'] LOOP
        v_text := v_text || format(
            ' (SELECT g.%1$I FROM (%2$s) g) AS %1$I,',
            v_column,
            internal.newest_text(v_parts, ', ' || v_column,
                -- Twice, or the planner reads the index of buckets for an instance without a city.
                format('instance = host.instance AND instance BETWEEN host.instance'
                    ' AND host.instance AND %I IS NOT NULL', v_column)));
    END LOOP;
    RETURN QUERY EXECUTE format(
        'SELECT p.latitude::double precision, p.longitude::double precision,'
        ' p.country_name, p.city'
        ' FROM (%s host.instance FROM unnest($1) AS host (instance)) p'
        ' WHERE p.latitude IS NOT NULL AND p.longitude IS NOT NULL'
        ' ORDER BY p.instance COLLATE "C"', v_text)
    USING internal.known_names(v_parts, 'instance');
END
$$;

NOTIFY pgrst, 'reload schema';
