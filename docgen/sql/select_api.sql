SELECT
    p.proname AS name,
    obj_description(p.oid, 'pg_proc') AS comment,
    p.provolatile = 'v' AS writes,
    coalesce(p.proargnames[:p.pronargs], '{}') AS arguments,
    (
        SELECT coalesce(array_agg(format_type(t.type, NULL) ORDER BY t.place), '{}')
        FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS t (type, place)
    ) AS types,
    coalesce(p.proargnames[p.pronargs + 1:], '{}') AS columns,
    coalesce(
        (
            SELECT array_agg(format_type(t.type, NULL) ORDER BY t.place)
            FROM unnest(p.proallargtypes[p.pronargs + 1:]) WITH ORDINALITY AS t (type, place)
        ),
        '{}'
    ) AS column_types,
    format_type(p.prorettype, NULL) AS result,
    (
        SELECT coalesce(array_agg(r.name ORDER BY r.name), '{}')
        FROM unnest(ARRAY['web_anon', 'writer']) AS r (name)
        WHERE has_function_privilege(r.name, p.oid, 'EXECUTE')
    ) AS callers
FROM pg_proc p
WHERE p.pronamespace = 'api'::regnamespace
ORDER BY p.proname
