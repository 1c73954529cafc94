-- The token figures of the newest minute with a total supply: of the last day, or else however old,
-- which the roll-ups know.
CREATE OR REPLACE FUNCTION internal.latest_token_bucket(p_schema text, p_however_old boolean)
RETURNS TABLE (start timestamptz, total numeric, circulating numeric, price numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
-- A day has 24 hours below.
SET TimeZone = 'UTC'
AS $$
DECLARE
    c_minute CONSTANT interval := '1 minute';
    c_total CONSTANT text := 'manifest_tokenomics_total_supply';
    v_newest timestamptz;
    v_before timestamptz := now() + c_minute;
    v_width interval;
BEGIN
    PERFORM internal.check_schema(ARRAY['mainnet', 'testnet'], p_schema);
    v_newest := (
        SELECT c.bucket FROM internal.cagg_calculated_metric c
        WHERE c.name = c_total AND c.schema = p_schema
            AND c.bucket >= now() - interval '24 hours' AND c.bucket <= now()
        ORDER BY c.bucket DESC LIMIT 1
    );
    WHILE v_newest IS NULL AND p_however_old LOOP
        EXECUTE format(
            'SELECT m.bucket, m.width FROM (%s) m WHERE m.bucket < $1'
            ' ORDER BY m.bucket DESC LIMIT 1',
            (
                SELECT string_agg(internal.rows_text(
                    p, format('bucket, interval %L AS width', p.width),
                    format('name = %L AND schema = %L', c_total, p_schema)), ' UNION ALL ')
                FROM unnest(internal.range_parts('internal.cagg_calculated_metric', NULL,
                    '-infinity', 'infinity')) p
            ))
        INTO v_before, v_width USING v_before;
        EXIT WHEN v_before IS NULL;
        v_newest := (
            SELECT c.bucket FROM internal.cagg_calculated_metric c
            WHERE c.name = c_total AND c.schema = p_schema
                AND c.bucket >= v_before AND c.bucket < v_before + v_width AND c.bucket <= now()
            ORDER BY c.bucket DESC LIMIT 1
        );
    END LOOP;
    RETURN QUERY
        SELECT b.start, b.total, b.circulating, b.price
        FROM internal.token_buckets(
            p_schema, c_minute, v_newest, v_newest + c_minute, true, true) b;
END
$$;
