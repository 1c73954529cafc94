CREATE VIEW internal.prometheus_1m AS
    SELECT 'mainnet'::text AS schema, bucket, name, value FROM internal.prometheus_mainnet_1m
    UNION ALL
    SELECT 'testnet'::text, bucket, name, value FROM internal.prometheus_testnet_1m
    UNION ALL
    SELECT 'common'::text, bucket, name, value FROM internal.prometheus_common_1m;
COMMENT ON VIEW internal.prometheus_1m IS
    'The three 1-minute aggregates of metrics as one; a comparison of schema with a constant '
    'leaves only one to read.';

CREATE FUNCTION api.get_agg_metric(
    p_metric_name text, p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS TABLE ("timestamp" timestamptz, "value" text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    PERFORM internal.check_metric_name(p_metric_name);
    PERFORM internal.check_series_request(
        ARRAY['mainnet', 'testnet', 'common'], p_schema, p_interval, p_from, p_to);
    RETURN QUERY
        SELECT greatest(b.start, p_from), internal.plain_text(b.amount)
        FROM (
            SELECT internal.bucket_start(p_interval, m.bucket) AS start, max(m.value) AS amount
            FROM internal.prometheus_1m m
            WHERE m.schema = p_schema AND m.name = p_metric_name
                AND m.bucket >= p_from AND m.bucket < p_to
            GROUP BY 1
        ) b
        ORDER BY b.start DESC;
END
$$;
COMMENT ON FUNCTION api.get_agg_metric(text, text, interval, timestamptz, timestamptz) IS
    E'The largest amount of one metric in each interval, newest first.\n\n'
    'p_schema: mainnet, testnet or common. p_from is inclusive, p_to exclusive; no timestamp lies'
    ' before p_from. Days begin at midnight UTC, weeks on Mondays, months on the first. Intervals'
    ' without data have no row. At most 11,000 intervals. value is text so that no digit is lost.';

REVOKE ALL ON FUNCTION
    api.get_agg_metric(text, text, interval, timestamptz, timestamptz)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    api.get_agg_metric(text, text, interval, timestamptz, timestamptz)
TO web_anon;

NOTIFY pgrst, 'reload schema';
