CREATE FUNCTION api.get_agg_fdv(
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
        SELECT greatest(b.start, p_from), internal.plain_text(b.total * b.price)
        FROM internal.token_buckets(p_schema, p_interval, p_from, p_to, false, true) b
        ORDER BY b.start;
END
$$;
COMMENT ON FUNCTION api.get_agg_fdv(text, interval, timestamptz, timestamptz) IS
    E'The fully diluted value in each interval, oldest first.\n\n'
    'p_schema: mainnet or testnet. Total supply times the price (talib_mfx_power_conversion), '
    'each the largest of the interval; 0 where the interval has no price. One row for each '
    'interval with a total supply. p_from is inclusive, p_to exclusive; no timestamp lies before '
    'p_from. Days begin at midnight UTC, weeks on Mondays, months on the first. At most 11,000 '
    'intervals. value is text so that no digit is lost.';

CREATE FUNCTION api.get_agg_market_cap(
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
        SELECT greatest(b.start, p_from), internal.plain_text(b.circulating * b.price)
        FROM internal.token_buckets(p_schema, p_interval, p_from, p_to, true, true) b
        ORDER BY b.start;
END
$$;
COMMENT ON FUNCTION api.get_agg_market_cap(text, interval, timestamptz, timestamptz) IS
    E'The market capitalisation in each interval, oldest first.\n\n'
    'p_schema: mainnet or testnet. Circulating supply times the price '
    '(talib_mfx_power_conversion), each the largest of the interval; 0 where the interval has no '
    'price. One row for each interval with a total supply. p_from is inclusive, p_to exclusive; '
    'no timestamp lies before p_from. Days begin at midnight UTC, weeks on Mondays, months on the'
    ' first. At most 11,000 intervals. value is text so that no digit is lost.';

REVOKE ALL ON FUNCTION
    api.get_agg_fdv(text, interval, timestamptz, timestamptz),
    api.get_agg_market_cap(text, interval, timestamptz, timestamptz)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    api.get_agg_fdv(text, interval, timestamptz, timestamptz),
    api.get_agg_market_cap(text, interval, timestamptz, timestamptz)
TO web_anon;

NOTIFY pgrst, 'reload schema';
