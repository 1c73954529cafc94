SELECT n.nspname || '.' || p.proname, p.prosrc
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname IN ('api', 'internal', 'cumsum', 'geo', 'staging_internal', 'staging_cumsum')
ORDER BY 1
