CREATE FUNCTION api.get_latest_circulating_supply(p_schema text)
RETURNS TABLE ("timestamp" timestamptz, "value" text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.start, internal.plain_text(b.circulating)
    FROM internal.latest_token_bucket(p_schema, false) b
$$;
COMMENT ON FUNCTION api.get_latest_circulating_supply(text) IS
    E'The newest circulating supply of the last day.\n\n'
    'p_schema: mainnet or testnet. timestamp is the newest minute with a total supply. No row '
    'when the last day has no data. value is text so that no digit is lost.';

CREATE FUNCTION api.get_latest_burned_supply(p_schema text)
RETURNS TABLE ("timestamp" timestamptz, "value" text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    PERFORM internal.check_schema(ARRAY['mainnet', 'testnet'], p_schema);
    RETURN QUERY
        SELECT c.bucket, internal.plain_text(c.value)
        FROM internal.cagg_calculated_metric c
        WHERE c.name = 'total_mfx_burned' AND c.schema = p_schema
            AND c.bucket >= now() - interval '24 hours' AND c.bucket <= now()
        ORDER BY c.bucket DESC
        LIMIT 1;
END
$$;
COMMENT ON FUNCTION api.get_latest_burned_supply(text) IS
    E'The newest burned supply of the last day.\n\n'
    'p_schema: mainnet or testnet. timestamp is the minute of the newest total_mfx_burned. No row'
    ' when the last day has no data. value is text so that no digit is lost.';

CREATE FUNCTION api.get_latest_fdv(p_schema text)
RETURNS TABLE ("timestamp" timestamptz, "value" text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.start, internal.plain_text(b.total * b.price)
    FROM internal.latest_token_bucket(p_schema, false) b
$$;
COMMENT ON FUNCTION api.get_latest_fdv(text) IS
    E'The newest fully diluted value of the last day.\n\n'
    'p_schema: mainnet or testnet. timestamp is the newest minute with a total supply. 0 when '
    'that minute has no price. No row when the last day has no data. value is text so that no '
    'digit is lost.';

CREATE FUNCTION api.get_latest_market_cap(p_schema text)
RETURNS TABLE ("timestamp" timestamptz, "value" text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.start, internal.plain_text(b.circulating * b.price)
    FROM internal.latest_token_bucket(p_schema, false) b
$$;
COMMENT ON FUNCTION api.get_latest_market_cap(text) IS
    E'The newest market capitalisation of the last day.\n\n'
    'p_schema: mainnet or testnet. timestamp is the newest minute with a total supply. 0 when '
    'that minute has no price. No row when the last day has no data. value is text so that no '
    'digit is lost.';

CREATE FUNCTION api.get_all_latest_token_metrics(p_schema text)
RETURNS TABLE ("timestamp" timestamptz, table_name text, "value" text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.start, figure.name, internal.plain_text(figure.amount)
    FROM internal.latest_token_bucket(p_schema, false) b
    CROSS JOIN LATERAL (VALUES
        (1, 'circulating_supply', b.circulating),
        (2, 'fdv', b.total * b.price),
        (3, 'market_cap', b.circulating * b.price)
    ) AS figure (position, name, amount)
    ORDER BY figure.position
$$;
COMMENT ON FUNCTION api.get_all_latest_token_metrics(text) IS
    E'The newest circulating supply, fully diluted value and market capitalisation.\n\n'
    'p_schema: mainnet or testnet. table_name is circulating_supply, fdv or market_cap, in this'
    ' order. All three belong to the newest minute of the last day with a total supply; no rows'
    ' when there is none. value is text so that no digit is lost.';

REVOKE ALL ON FUNCTION
    api.get_latest_circulating_supply(text),
    api.get_latest_burned_supply(text),
    api.get_latest_fdv(text),
    api.get_latest_market_cap(text),
    api.get_all_latest_token_metrics(text)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    api.get_latest_circulating_supply(text),
    api.get_latest_burned_supply(text),
    api.get_latest_fdv(text),
    api.get_latest_market_cap(text),
    api.get_all_latest_token_metrics(text)
TO web_anon;

NOTIFY pgrst, 'reload schema';
