CREATE OR REPLACE FUNCTION api.get_agg_cumsum_metric(
    p_metric_name text, p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS TABLE ("timestamp" timestamptz, "value" text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
    c_aggregate CONSTANT text := 'cumsum.all_metrics_minute';
    v_where text;
BEGIN
    PERFORM internal.check_metric_name(p_metric_name);
    PERFORM internal.check_series_request(ARRAY['cumsum'], p_schema, p_interval, p_from, p_to);
    v_where := format('name = %L AND schema = %L', p_metric_name, p_schema);
    RETURN QUERY EXECUTE format(
        'SELECT greatest(b.start, $2),'
        ' internal.plain_text(earlier.total + sum(b.increase) OVER (ORDER BY b.start))'
        ' FROM (%s) AS b (start, increase) CROSS JOIN ('
        'SELECT coalesce(sum(m.sum_value), 0) AS total FROM (%s) m) earlier ORDER BY b.start',
        internal.series_text(
            internal.range_parts(c_aggregate, p_interval, p_from, p_to),
            p_interval, 'sum_value', 'sum', v_where),
        internal.parts_text(
            internal.range_parts(c_aggregate, NULL, '-infinity', p_from), 'sum_value', v_where))
    USING p_interval, p_from;
END
$$;


CREATE OR REPLACE FUNCTION api.get_all_latest_cumsum_metrics()
RETURNS TABLE ("timestamp" timestamptz, table_name text, "value" text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
    c_aggregate CONSTANT text := 'cumsum.all_metrics_minute';
    c_where CONSTANT text := 'schema = ''cumsum''';
    v_parts internal.range_part[] := internal.range_parts(
        c_aggregate, NULL, '-infinity', 'infinity');
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT n.bucket, n.name, internal.plain_text(t.total)'
        ' FROM internal.newest_minutes($1, $2, ''sum_value'', $3) n'
        ' JOIN (SELECT m.name, sum(m.sum_value) AS total FROM (%s) m GROUP BY m.name) t USING (name)'
        ' ORDER BY n.name COLLATE "C"',
        internal.parts_text(v_parts, 'name, sum_value', c_where))
    USING c_aggregate, v_parts, c_where;
END
$$;

CREATE OR REPLACE FUNCTION internal.latest_metrics(p_schema text)
RETURNS TABLE ("timestamp" timestamptz, table_name text, "value" text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_aggregate text := format('internal.prometheus_%s_1m', p_schema);
BEGIN
    RETURN QUERY
        SELECT n.bucket, n.name, internal.plain_text(n.amount)
        FROM internal.newest_minutes(v_aggregate,
            internal.range_parts(v_aggregate, NULL, '-infinity', 'infinity'), 'value', 'true') n
        ORDER BY n.name COLLATE "C";
END
$$;

NOTIFY pgrst, 'reload schema';
