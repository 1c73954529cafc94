-- The one place that knows which metrics a token figure is made of. The two flags keep an answer
-- from reading metrics it does not need; callers pass constants, so the planner sees plain lists.
CREATE FUNCTION internal.token_buckets(
    p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz,
    p_with_circulating boolean, p_with_price boolean
) RETURNS TABLE (start timestamptz, total numeric, circulating numeric, price numeric)
LANGUAGE sql STABLE
-- One pass with FILTERs, not joins of five series: without statistics the planner may join up to
-- 11,000 rows a side by nested loops.
BEGIN ATOMIC
    SELECT b.start,
        b.total,
        b.total
            - coalesce(b.excluded, 0) - coalesce(b.locked_tokens, 0) - coalesce(b.locked_fees, 0),
        coalesce(b.price, 0)
    FROM (
        SELECT
            internal.bucket_start(p_interval, c.bucket) AS start,
            max(c.value) FILTER (WHERE c.schema = p_schema
                AND c.name = 'manifest_tokenomics_total_supply') AS total,
            max(c.value) FILTER (WHERE c.schema = p_schema
                AND c.name = 'manifest_tokenomics_excluded_supply') AS excluded,
            max(c.value) FILTER (WHERE c.schema = p_schema
                AND c.name = 'locked_tokens') AS locked_tokens,
            max(c.value) FILTER (WHERE c.schema = p_schema
                AND c.name = 'locked_fees') AS locked_fees,
            max(c.value) FILTER (WHERE c.schema = 'common'
                AND c.name = 'talib_mfx_power_conversion') AS price
        FROM internal.cagg_calculated_metric c
        WHERE c.name = ANY (
                ARRAY['manifest_tokenomics_total_supply']
                || CASE WHEN p_with_circulating THEN ARRAY[
                    'manifest_tokenomics_excluded_supply', 'locked_tokens', 'locked_fees'
                ] ELSE '{}' END
                || CASE WHEN p_with_price THEN ARRAY['talib_mfx_power_conversion'] ELSE '{}' END)
            AND c.schema = ANY (
                ARRAY[p_schema] || CASE WHEN p_with_price THEN ARRAY['common'] ELSE '{}' END)
            AND c.bucket >= p_from AND c.bucket < p_to
        GROUP BY 1
    ) b
    WHERE b.total IS NOT NULL;
END;
COMMENT ON FUNCTION internal.token_buckets(
    text, interval, timestamptz, timestamptz, boolean, boolean) IS
    'One row for each interval with a total supply of the tier; what is missing beside it counts '
    '0.';

CREATE FUNCTION internal.latest_token_bucket(p_schema text, p_however_old boolean)
RETURNS TABLE (start timestamptz, total numeric, circulating numeric, price numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    c_minute CONSTANT interval := '1 minute';
    v_newest timestamptz;
BEGIN
    PERFORM internal.check_schema(ARRAY['mainnet', 'testnet'], p_schema);
    v_newest := (
        SELECT c.bucket FROM internal.cagg_calculated_metric c
        WHERE c.name = 'manifest_tokenomics_total_supply' AND c.schema = p_schema
            AND c.bucket >= now() - interval '24 hours' AND c.bucket <= now()
        ORDER BY c.bucket DESC LIMIT 1
    );
    IF v_newest IS NULL AND p_however_old THEN
        -- Only then: this reads all of the tier's history on TimescaleDB.
        v_newest := (
            SELECT c.bucket FROM internal.cagg_calculated_metric c
            WHERE c.name = 'manifest_tokenomics_total_supply' AND c.schema = p_schema
                AND c.bucket <= now()
            ORDER BY c.bucket DESC LIMIT 1
        );
    END IF;
    RETURN QUERY
        SELECT b.start, b.total, b.circulating, b.price
        FROM internal.token_buckets(
            p_schema, c_minute, v_newest, v_newest + c_minute, true, true) b;
END
$$;
COMMENT ON FUNCTION internal.latest_token_bucket(text, boolean) IS
    'The token figures of the newest minute of the last day with a total supply, or of the newest '
    'ever; no row when there is none.';

REVOKE ALL ON FUNCTION
    internal.token_buckets(text, interval, timestamptz, timestamptz, boolean, boolean),
    internal.latest_token_bucket(text, boolean)
FROM PUBLIC;
