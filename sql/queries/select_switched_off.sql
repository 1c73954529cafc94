-- What stands there and does nothing: triggers switched off, indexes and constraints not valid.
WITH ours AS (
    SELECT c.oid FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('api', 'internal', 'cumsum', 'geo', 'staging_internal', 'staging_cumsum')
)
SELECT 'trigger ' || t.tgname || ' on ' || t.tgrelid::regclass
FROM pg_trigger t JOIN ours ON ours.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgenabled NOT IN ('O', 'A')
UNION ALL
SELECT 'index ' || i.indexrelid::regclass
FROM pg_index i JOIN ours ON ours.oid = i.indrelid
WHERE NOT i.indisvalid
UNION ALL
SELECT 'constraint ' || c.conname || ' on ' || c.conrelid::regclass
FROM pg_constraint c JOIN ours ON ours.oid = c.conrelid
WHERE NOT c.convalidated
ORDER BY 1
