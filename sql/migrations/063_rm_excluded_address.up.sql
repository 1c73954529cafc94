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
        -- PTxyz is PostgREST's own way to choose the HTTP status. It writes the message into the
        -- status line as it is: a line break of the caller's would end that line, and what follows
        -- it would be a header of our answer. So the address stands in the body alone.
        RAISE EXCEPTION USING
            ERRCODE = 'PT404',
            MESSAGE = 'the address is not excluded',
            DETAIL = format('%L is not in the list; addresses are compared exactly, letter for '
                'letter.', left(p_value, 256)),
            HINT = 'get_excluded_addresses lists what can be removed.';
    END IF;
END
$$;

NOTIFY pgrst, 'reload schema';
