-- Of each aggregate the newest bucket that the raw rows of [p_from, p_to) ask for, and the newest
-- one that is stored. Judges a policy by what it did, whatever its last run was reported as.
CREATE FUNCTION internal.newest_buckets(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (aggregate text, wanted timestamptz, stored timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT
            a.view_schema || '.' || a.view_name AS name,
            rtrim(a.view_definition, '; ') AS definition,
            format('%I.%I', a.materialization_hypertable_schema,
                a.materialization_hypertable_name) AS store
        FROM timescaledb_information.continuous_aggregates a
        JOIN internal.aggregate_source s
            ON s.aggregate = a.view_schema || '.' || a.view_name
        ORDER BY 1
    LOOP
        aggregate := found.name;
        EXECUTE format(
            'SELECT max(d.bucket) FROM (%s) d WHERE d.bucket >= $1 AND d.bucket < $2',
            found.definition)
        INTO wanted USING p_from, p_to;
        EXECUTE format(
            'SELECT max(bucket) FROM %s WHERE bucket >= $1 AND bucket < $2', found.store)
        INTO stored USING p_from, p_to;
        RETURN NEXT;
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION internal.newest_buckets(timestamptz, timestamptz) FROM PUBLIC;
