CREATE FUNCTION api.get_latest_mainnet_circulating_supply_value() RETURNS numeric
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT trim_scale(b.circulating)
    FROM internal.latest_token_bucket('mainnet', true) b
$$;
COMMENT ON FUNCTION api.get_latest_mainnet_circulating_supply_value() IS
    E'The circulating supply of mainnet, newest known.\n\n'
    'One number, of the newest minute with a total supply, however old; null when there has never'
    ' been one. It has more digits than a double keeps: parse it as a decimal.';

CREATE FUNCTION api.get_latest_mainnet_total_supply_value() RETURNS numeric
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT trim_scale(b.total)
    FROM internal.latest_token_bucket('mainnet', true) b
$$;
COMMENT ON FUNCTION api.get_latest_mainnet_total_supply_value() IS
    E'The total supply of mainnet, newest known.\n\n'
    'One number, of the newest minute with a total supply, however old; null when there has never'
    ' been one. It has more digits than a double keeps: parse it as a decimal.';

REVOKE ALL ON FUNCTION
    api.get_latest_mainnet_circulating_supply_value(),
    api.get_latest_mainnet_total_supply_value()
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    api.get_latest_mainnet_circulating_supply_value(),
    api.get_latest_mainnet_total_supply_value()
TO web_anon;

NOTIFY pgrst, 'reload schema';
