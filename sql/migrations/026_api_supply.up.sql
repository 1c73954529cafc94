CREATE FUNCTION api.get_agg_circulating_supply(
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
        SELECT greatest(b.start, p_from), internal.plain_text(b.circulating)
        FROM internal.token_buckets(p_schema, p_interval, p_from, p_to, true, false) b
        ORDER BY b.start;
END
$$;
COMMENT ON FUNCTION api.get_agg_circulating_supply(text, interval, timestamptz, timestamptz) IS
    E'The circulating supply in each interval, oldest first.\n\n'
    'p_schema: mainnet or testnet. Total supply less excluded supply, locked tokens and locked '
    'fees, each the largest of the interval; a missing one counts 0. One row for each interval '
    'with a total supply. p_from is inclusive, p_to exclusive; no timestamp lies before p_from. '
    'Days begin at midnight UTC, weeks on Mondays, months on the first. At most 11,000 intervals.'
    ' value is text so that no digit is lost.';

CREATE FUNCTION api.get_agg_burned_supply(
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
COMMENT ON FUNCTION api.get_agg_burned_supply(text, interval, timestamptz, timestamptz) IS
    E'The burned supply in each interval, oldest first.\n\n'
    'p_schema: mainnet or testnet. The largest of total_mfx_burned; intervals without data have '
    'no row. p_from is inclusive, p_to exclusive; no timestamp lies before p_from. Days begin at '
    'midnight UTC, weeks on Mondays, months on the first. At most 11,000 intervals. value is text'
    ' so that no digit is lost.';

REVOKE ALL ON FUNCTION
    api.get_agg_circulating_supply(text, interval, timestamptz, timestamptz),
    api.get_agg_burned_supply(text, interval, timestamptz, timestamptz)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    api.get_agg_circulating_supply(text, interval, timestamptz, timestamptz),
    api.get_agg_burned_supply(text, interval, timestamptz, timestamptz)
TO web_anon;

NOTIFY pgrst, 'reload schema';
