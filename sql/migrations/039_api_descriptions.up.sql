-- What PostgREST's OpenAPI page says: it has no place for arguments but the description of their
-- function, so a last paragraph names each one that a function takes.
DO $$
DECLARE
    v_function record;
BEGIN
    FOR v_function IN
        SELECT
            p.proname AS name,
            pg_catalog.pg_get_function_identity_arguments(p.oid) AS arguments,
            pg_catalog.obj_description(p.oid, 'pg_proc') AS comment,
            pg_catalog.string_agg(a.meaning, ' ' ORDER BY a.place) AS meanings
        FROM pg_catalog.pg_proc p
        JOIN (VALUES
            (1, 'p_metric_name', 'p_metric_name: the name of a metric, exactly as the '
                'get_all_latest_..._metrics functions list it.'),
            (2, 'p_interval', 'p_interval: the length of each interval, such as 15 minutes, 1 hour, '
                '1 day or 1 month.'),
            (3, 'p_from', 'p_from, p_to: instants with their time zone, such as '
                '2026-11-01T00:00:00Z.'),
            (4, 'p_value', 'p_value: an address of 1 to 255 visible ASCII characters, compared '
                'letter for letter.')
        ) AS a (place, argument, meaning) ON a.argument = ANY (p.proargnames)
        WHERE p.pronamespace = 'api'::pg_catalog.regnamespace
        GROUP BY p.oid, p.proname
    LOOP
        EXECUTE pg_catalog.format('COMMENT ON FUNCTION api.%I(%s) IS %L',
            v_function.name, v_function.arguments,
            v_function.comment || E'\n\nArguments: ' || v_function.meanings);
    END LOOP;
END
$$;

COMMENT ON FUNCTION api.get_excluded_addresses() IS
    E'The addresses whose holdings do not count as circulating supply, oldest first.\n\n'
    'id is the number of the entry, value the address.';

COMMENT ON SCHEMA api IS
    E'Metrics over time\n\n'
    'Each function answers at /rpc/<name>: by GET with its arguments in the query, or by POST with '
    'a JSON object of them. Amounts have the unit of the series they were recorded from; times are '
    'in UTC. Reading needs no token. A wrong argument gets 400 and a hint, a request that takes '
    'longer than 10 seconds is ended.';

NOTIFY pgrst, 'reload schema';
