CREATE OR REPLACE FUNCTION api.get_agg_metric(
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

CREATE OR REPLACE FUNCTION api.get_agg_burned_supply(
    p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS TABLE ("timestamp" timestamptz, "value" text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    PERFORM internal.check_series_request(
        ARRAY['mainnet', 'testnet'], p_schema, p_interval, p_from, p_to);
    RETURN QUERY
        SELECT greatest(b.start, p_from), internal.plain_text(b.amount)
        FROM (
            SELECT internal.bucket_start(p_interval, c.bucket) AS start, max(c.value) AS amount
            FROM internal.cagg_calculated_metric c
            WHERE c.name = 'total_mfx_burned' AND c.schema = p_schema
                AND c.bucket >= p_from AND c.bucket < p_to
            GROUP BY 1
        ) b
        ORDER BY b.start;
END
$$;

DROP FUNCTION
    internal.series_text(internal.range_part[], interval, text, text, text),
    internal.parts_text(internal.range_part[], text, text),
    internal.rows_text(internal.range_part, text, text);

NOTIFY pgrst, 'reload schema';
