COMMENT ON SCHEMA api IS 'functions that PostgREST exposes; nothing else';

COMMENT ON FUNCTION api.get_excluded_addresses() IS
    'The addresses whose holdings do not count as circulating supply, oldest first.';

DO $$
DECLARE
    v_function record;
BEGIN
    FOR v_function IN
        SELECT
            p.proname AS name,
            pg_catalog.pg_get_function_identity_arguments(p.oid) AS arguments,
            pg_catalog.regexp_replace(
                pg_catalog.obj_description(p.oid, 'pg_proc'), E'\n\nArguments: .*$', '') AS comment
        FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'api'::pg_catalog.regnamespace
    LOOP
        EXECUTE pg_catalog.format('COMMENT ON FUNCTION api.%I(%s) IS %L',
            v_function.name, v_function.arguments, v_function.comment);
    END LOOP;
END
$$;

NOTIFY pgrst, 'reload schema';
