SELECT p.pronamespace::regnamespace || '.' || p.proname, pg_get_functiondef(p.oid)
FROM pg_proc p
WHERE p.pronamespace IN ('api'::regnamespace, 'internal'::regnamespace) AND p.prokind <> 'a'
ORDER BY 1
