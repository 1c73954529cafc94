-- Ordered as every other writer orders its rows, so that two of them cannot deadlock.
INSERT INTO {schema}.prometheus_remote_write (time, tag_id, name, schema, value)
SELECT time, tag_id, name, schema, value
FROM pg_temp.incoming
ORDER BY time, tag_id, name, schema
ON CONFLICT DO NOTHING
