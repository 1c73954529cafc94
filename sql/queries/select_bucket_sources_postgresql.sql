-- What an aggregate or roll-up is made by, for a window, and where its buckets lie.
SELECT
    format('SELECT * FROM %%s_rows(%%L, %%L)', %(name)s::text, %(start)s::timestamptz,
        %(end)s::timestamptz),
    n.nspname,
    c.relname
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = coalesce(to_regclass(%(name)s || '_stored'), to_regclass(%(name)s))
