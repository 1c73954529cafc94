CREATE OR REPLACE FUNCTION api.get_latest_geo_coordinates()
RETURNS TABLE (latitude double precision, longitude double precision, country_name text, city text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
SET max_parallel_workers_per_gather = 0
-- The parts of a position come from three metrics and need not arrive in the same minute: what the
-- newest minute of an instance lacks has a look-up of its own, planned only for columns that need it.
-- What is no latitude or longitude is not a known one; the last one that is stays. Hours and days may
-- hold the wrong one only, so the minutes of the day before it are asked first.
AS $$
DECLARE
    -- Asked for twice, or the planner reads the index of buckets for an instance without a city.
    c_host CONSTANT text := 'instance = host.instance AND instance BETWEEN host.instance'
        ' AND host.instance';
    v_parts internal.range_part[] := internal.range_parts(
        'geo.latest_coords', NULL, '-infinity', 'infinity');
    v_newest record;
    v_columns text;
BEGIN
    EXECUTE format(
        'SELECT coalesce(array_agg(host.instance), ''{}'') AS instances,'
        ' array_agg(m.bucket + m.width) AS ends,'
        ' array_agg(m.latitude NOT BETWEEN -90 AND 90 OR m.longitude NOT BETWEEN -180 AND 180)'
        ' AS wrong,'
        ' array_agg(CASE WHEN m.latitude BETWEEN -90 AND 90 THEN m.latitude END) AS latitude,'
        ' array_agg(CASE WHEN m.longitude BETWEEN -180 AND 180 THEN m.longitude END) AS longitude,'
        ' array_agg(m.country_name) AS country_name, array_agg(m.city) AS city'
        ' FROM unnest($1) AS host (instance) CROSS JOIN LATERAL (%s) m',
        internal.newest_text(v_parts, ', latitude, longitude, country_name, city', c_host))
    INTO v_newest USING internal.known_names(v_parts, 'instance');
    SELECT string_agg(CASE WHEN c.lacking
            THEN format('coalesce(host.%1$I, CASE WHEN host.wrong THEN ('
                'SELECT m.%1$I FROM geo.latest_coords m WHERE m.instance = host.instance'
                ' AND m.%1$I %3$s AND m.bucket >= host.ends - INTERVAL ''2 days'''
                ' AND m.bucket < host.ends ORDER BY m.bucket DESC LIMIT 1'
                ') END, (SELECT m.%1$I FROM (%2$s) m)) AS %1$I', c.name,
                internal.newest_text(v_parts, ', ' || c.name,
                    format('%s AND %I %s', c_host, c.name, c.known)), c.known)
            ELSE 'host.' || c.name END, ', ')
    INTO v_columns
    FROM (VALUES
        ('latitude', array_position(v_newest.latitude, NULL) > 0, 'BETWEEN -90 AND 90'),
        ('longitude', array_position(v_newest.longitude, NULL) > 0, 'BETWEEN -180 AND 180'),
        ('country_name', array_position(v_newest.country_name, NULL) > 0, 'IS NOT NULL'),
        ('city', array_position(v_newest.city, NULL) > 0, 'IS NOT NULL')
    ) AS c (name, lacking, known);
    RETURN QUERY EXECUTE format(
        'SELECT p.latitude::double precision, p.longitude::double precision,'
        ' p.country_name, p.city'
        ' FROM (SELECT host.instance, %s FROM unnest($1, $2, $3, $4, $5, $6, $7)'
        ' AS host (instance, latitude, longitude, country_name, city, ends, wrong)) p'
        ' WHERE p.latitude IS NOT NULL AND p.longitude IS NOT NULL'
        ' ORDER BY p.instance COLLATE "C"', v_columns)
    USING v_newest.instances, v_newest.latitude, v_newest.longitude, v_newest.country_name,
        v_newest.city, v_newest.ends, v_newest.wrong;
END
$$;

NOTIFY pgrst, 'reload schema';
