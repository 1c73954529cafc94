CREATE FUNCTION internal.check_address(p_value text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- White space is refused, not trimmed, and so is everything beyond ASCII: an address that only
    -- looks like the one that was meant would silently exclude nothing.
    IF p_value IS NULL OR p_value !~ '^[!-~]{1,255}$' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'p_value must be an address, got ' || quote_nullable(
                CASE WHEN length(p_value) > 255 THEN left(p_value, 60) || '...' ELSE p_value END),
            DETAIL = 'An address has 1 to 255 visible ASCII characters and no white space.',
            HINT = 'Send the address alone, exactly as the ledger writes it.';
    END IF;
END
$$;
COMMENT ON FUNCTION internal.check_address(text) IS
    'Raise 22023 unless the text can be an address: 1 to 255 visible ASCII characters.';

REVOKE ALL ON FUNCTION internal.check_address(text) FROM PUBLIC;

CREATE FUNCTION api.get_excluded_addresses() RETURNS TABLE (id integer, "value" text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT e.id, e.value FROM internal.excluded_addresses e ORDER BY e.id $$;
COMMENT ON FUNCTION api.get_excluded_addresses() IS
    'The addresses whose holdings do not count as circulating supply, oldest first.';

CREATE FUNCTION api.add_excluded_address(p_value text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM internal.check_address(p_value);
    INSERT INTO internal.excluded_addresses (value) VALUES (p_value) ON CONFLICT (value) DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'unique_violation',
            MESSAGE = format('address %L is already excluded', p_value),
            DETAIL = 'Each address is listed once.',
            HINT = 'Nothing is left to do; get_excluded_addresses lists all of them.';
    END IF;
END
$$;
COMMENT ON FUNCTION api.add_excluded_address(text) IS
    E'Exclude the holdings of an address from the circulating supply.\n\n'
    'For the role writer. 409 when the address is already listed, 400 when it is empty, has white'
    ' space or is longer than 255 characters; the list is unchanged then.';

CREATE FUNCTION api.rm_excluded_address(p_value text) RETURNS void
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
COMMENT ON FUNCTION api.rm_excluded_address(text) IS
    E'Count the holdings of an address as circulating supply again.\n\n'
    'For the role writer. 404 when the address is not listed, 400 when it is null; the list is '
    'unchanged then.';

REVOKE ALL ON FUNCTION
    api.get_excluded_addresses(),
    api.add_excluded_address(text),
    api.rm_excluded_address(text)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION api.get_excluded_addresses() TO web_anon;
GRANT EXECUTE ON FUNCTION api.add_excluded_address(text), api.rm_excluded_address(text) TO writer;

NOTIFY pgrst, 'reload schema';
