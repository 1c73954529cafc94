-- A sample each minute of one series; the values differ, and are the same each time.
INSERT INTO {table} (time, tag_id, name, schema, value)
SELECT t, %(tag_id)s, %(name)s, %(schema)s, (extract(epoch FROM t)::bigint / 60 * 7919) %% 100000
FROM generate_series(%(start)s::timestamptz, %(end)s::timestamptz, INTERVAL '1 minute') AS t
