CREATE OR REPLACE FUNCTION api.get_agg_circulating_supply(
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

CREATE OR REPLACE FUNCTION api.get_agg_fdv(
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

CREATE OR REPLACE FUNCTION api.get_agg_market_cap(
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

DROP FUNCTION internal.token_text(text, interval, timestamptz, timestamptz, boolean, boolean);

NOTIFY pgrst, 'reload schema';
