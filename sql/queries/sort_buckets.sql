-- For a session that refreshes on TimescaleDB. Buckets from a hash table come in no order, and a year
-- of them in no order costs the indexes twice the whole refresh of sorted ones.
SELECT
    pg_catalog.set_config('enable_hashagg', 'off', false),
    pg_catalog.set_config(
        'work_mem',
        -- A larger setting stays.
        greatest(67108864, pg_catalog.pg_size_bytes(pg_catalog.current_setting('work_mem'))) / 1024
            || 'kB',
        false)
