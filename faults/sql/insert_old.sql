INSERT INTO internal.prometheus_remote_write (time, tag_id, name, schema, value)
SELECT time - INTERVAL '60 days', tag_id, name, schema, value
FROM internal.prometheus_remote_write WHERE schema = 'mainnet' ORDER BY time LIMIT 100
