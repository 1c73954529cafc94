CREATE OR REPLACE FUNCTION internal.latest_token_bucket(p_schema text, p_however_old boolean)
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
