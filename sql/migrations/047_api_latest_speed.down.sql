CREATE OR REPLACE FUNCTION internal.latest_metrics(p_schema text)
RETURNS TABLE ("timestamp" timestamptz, table_name text, "value" text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
-- Jumps from name to name in the (name, bucket) index: dozens of look-ups, not the whole history.
AS $$
BEGIN
    RETURN QUERY
        WITH RECURSIVE metric (name) AS (
            (
                SELECT m.name FROM internal.prometheus_1m m
                WHERE m.schema = p_schema
                ORDER BY m.name LIMIT 1
            )
            UNION ALL
            SELECT (
                SELECT m.name FROM internal.prometheus_1m m
                WHERE m.schema = p_schema AND m.name > metric.name
                ORDER BY m.name LIMIT 1
            )
            FROM metric
            WHERE metric.name IS NOT NULL
        )
        SELECT newest.bucket, metric.name, internal.plain_text(newest.value)
        FROM metric
        CROSS JOIN LATERAL (
            SELECT m.bucket, m.value FROM internal.prometheus_1m m
            WHERE m.schema = p_schema AND m.name = metric.name
            ORDER BY m.bucket DESC LIMIT 1
        ) newest
        ORDER BY metric.name COLLATE "C";
END
$$;

DROP FUNCTION
    internal.newest_minutes(text, internal.range_part[], text, text),
    internal.known_names(internal.range_part[], text);
