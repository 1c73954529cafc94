CREATE OR REPLACE FUNCTION api.rm_excluded_address(p_value text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_value IS NULL THEN
        PERFORM internal.check_address(p_value);
    END IF;
    -- No other check: what the table holds must be removable, however it came there.
    DELETE FROM internal.excluded_addresses e WHERE e.value = p_value;
    IF NOT FOUND THEN
        -- PTxyz is PostgREST's own way to choose the HTTP status.
        RAISE EXCEPTION USING
            ERRCODE = 'PT404',
            MESSAGE = format('address %L is not excluded', left(p_value, 256)),
            DETAIL = 'Addresses are compared exactly, letter for letter.',
            HINT = 'get_excluded_addresses lists what can be removed.';
    END IF;
END
$$;

NOTIFY pgrst, 'reload schema';
