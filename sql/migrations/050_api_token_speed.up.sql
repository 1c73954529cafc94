-- The same figures as internal.token_buckets, as a query of (start, total, circulating, price) that
-- reads each metric from days, hours and minutes; $1 in it is the interval. A figure that is not
-- asked for is null, and its metrics are not read.
CREATE FUNCTION internal.token_text(
    p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz,
    p_with_circulating boolean, p_with_price boolean
) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_parts internal.range_part[] := internal.range_parts(
        'internal.cagg_calculated_metric', p_interval, p_from, p_to);
BEGIN
    RETURN format('SELECT total.start, total.amount, %s, %s FROM ',
        CASE WHEN p_with_circulating
            THEN 'total.amount - coalesce(excluded.amount, 0)'
                ' - coalesce(locked_tokens.amount, 0) - coalesce(locked_fees.amount, 0)'
            ELSE 'NULL::numeric' END,
        CASE WHEN p_with_price THEN 'coalesce(price.amount, 0)' ELSE 'NULL::numeric' END
    ) || (
        SELECT string_agg(
            format('(%s) AS %I (start, amount)',
                internal.series_text(v_parts, p_interval, 'value', 'max',
                    format('name = %L AND schema = %L', f.name, f.schema)),
                f.figure)
                || CASE f.figure WHEN 'total' THEN '' ELSE ' USING (start)' END,
            ' LEFT JOIN ' ORDER BY f.position)
        FROM (VALUES
            (1, 'total', 'manifest_tokenomics_total_supply', p_schema, true),
            (2, 'excluded', 'manifest_tokenomics_excluded_supply', p_schema, p_with_circulating),
            (3, 'locked_tokens', 'locked_tokens', p_schema, p_with_circulating),
            (4, 'locked_fees', 'locked_fees', p_schema, p_with_circulating),
            (5, 'price', 'talib_mfx_power_conversion', 'common', p_with_price)
        ) AS f (position, figure, name, schema, wanted)
        WHERE f.wanted);
END
$$;
COMMENT ON FUNCTION internal.token_text(
    text, interval, timestamptz, timestamptz, boolean, boolean) IS
    'A query: one row for each interval with a total supply of the tier; what is missing beside it '
    'counts 0.';

-- No nested loops: without fresh statistics the planner takes 8,760 rows for a handful, and compares
-- each with each.
CREATE OR REPLACE FUNCTION api.get_agg_circulating_supply(
    p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS TABLE ("timestamp" timestamptz, "value" text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
SET max_parallel_workers_per_gather = 0
SET enable_nestloop = off
AS $$
BEGIN
    PERFORM internal.check_series_request(
        ARRAY['mainnet', 'testnet'], p_schema, p_interval, p_from, p_to);
    RETURN QUERY EXECUTE format(
        'SELECT greatest(b.start, $2), internal.plain_text(b.circulating)'
        ' FROM (%s) AS b (start, total, circulating, price) ORDER BY b.start',
        internal.token_text(p_schema, p_interval, p_from, p_to, true, false))
    USING p_interval, p_from;
END
$$;

CREATE OR REPLACE FUNCTION api.get_agg_fdv(
    p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS TABLE ("timestamp" timestamptz, "value" text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
SET max_parallel_workers_per_gather = 0
SET enable_nestloop = off
AS $$
BEGIN
    PERFORM internal.check_series_request(
        ARRAY['mainnet', 'testnet'], p_schema, p_interval, p_from, p_to);
    RETURN QUERY EXECUTE format(
        'SELECT greatest(b.start, $2), internal.plain_text(b.total * b.price)'
        ' FROM (%s) AS b (start, total, circulating, price) ORDER BY b.start',
        internal.token_text(p_schema, p_interval, p_from, p_to, false, true))
    USING p_interval, p_from;
END
$$;

CREATE OR REPLACE FUNCTION api.get_agg_market_cap(
    p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS TABLE ("timestamp" timestamptz, "value" text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
SET max_parallel_workers_per_gather = 0
SET enable_nestloop = off
AS $$
BEGIN
    PERFORM internal.check_series_request(
        ARRAY['mainnet', 'testnet'], p_schema, p_interval, p_from, p_to);
    RETURN QUERY EXECUTE format(
        'SELECT greatest(b.start, $2), internal.plain_text(b.circulating * b.price)'
        ' FROM (%s) AS b (start, total, circulating, price) ORDER BY b.start',
        internal.token_text(p_schema, p_interval, p_from, p_to, true, true))
    USING p_interval, p_from;
END
$$;

REVOKE ALL ON FUNCTION
    internal.token_text(text, interval, timestamptz, timestamptz, boolean, boolean)
FROM PUBLIC;

NOTIFY pgrst, 'reload schema';
