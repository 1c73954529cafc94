CREATE FUNCTION api.get_agg_cumsum_metric(
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
COMMENT ON FUNCTION api.get_agg_cumsum_metric(text, text, interval, timestamptz, timestamptz) IS
    E'The running total of a cumulative metric since its beginning, oldest first.\n\n'
    'p_schema: cumsum. Each value includes everything up to the end of its interval. p_from is '
    'inclusive, p_to exclusive; no timestamp lies before p_from. Days begin at midnight UTC, '
    'weeks on Mondays, months on the first. Intervals without data have no row. At most 11,000 '
    'intervals. value is text so that no digit is lost.';

CREATE FUNCTION api.get_all_latest_cumsum_metrics()
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
COMMENT ON FUNCTION api.get_all_latest_cumsum_metrics() IS
    E'The total of each cumulative metric since the beginning of its history, by name.\n\n'
    'timestamp is the newest minute that the total holds, table_name the metric. value is text so'
    ' that no digit is lost.';

REVOKE ALL ON FUNCTION
    api.get_agg_cumsum_metric(text, text, interval, timestamptz, timestamptz),
    api.get_all_latest_cumsum_metrics()
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    api.get_agg_cumsum_metric(text, text, interval, timestamptz, timestamptz),
    api.get_all_latest_cumsum_metrics()
TO web_anon;

NOTIFY pgrst, 'reload schema';
