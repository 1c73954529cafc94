CREATE OR REPLACE FUNCTION api.get_agg_cumsum_metric(
    p_metric_name text, p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS TABLE ("timestamp" timestamptz, "value" text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    PERFORM internal.check_metric_name(p_metric_name);
    PERFORM internal.check_series_request(ARRAY['cumsum'], p_schema, p_interval, p_from, p_to);
    RETURN QUERY
        SELECT greatest(b.start, p_from),
            internal.plain_text(earlier.total + sum(b.increase) OVER (ORDER BY b.start))
        FROM (
            SELECT internal.bucket_start(p_interval, m.bucket) AS start,
                sum(m.sum_value) AS increase
            FROM cumsum.all_metrics_minute m
            WHERE m.name = p_metric_name AND m.schema = p_schema
                AND m.bucket >= p_from AND m.bucket < p_to
            GROUP BY 1
        ) b
        CROSS JOIN (
            SELECT coalesce(sum(m.sum_value), 0) AS total
            FROM cumsum.all_metrics_minute m
            WHERE m.name = p_metric_name AND m.schema = p_schema AND m.bucket < p_from
        ) earlier
        ORDER BY b.start;
END
$$;

CREATE OR REPLACE FUNCTION api.get_all_latest_cumsum_metrics()
RETURNS TABLE ("timestamp" timestamptz, table_name text, "value" text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT max(m.bucket), m.name, internal.plain_text(sum(m.sum_value))
    FROM cumsum.all_metrics_minute m
    WHERE m.schema = 'cumsum'
    GROUP BY m.name
    ORDER BY m.name COLLATE "C"
$$;

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

NOTIFY pgrst, 'reload schema';
