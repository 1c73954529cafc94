-- The exact count and sum of each series in a window, to be compared with the source's.
SELECT name, schema, tag_id, count(*), sum(value)
FROM {schema}.prometheus_remote_write
WHERE time >= %(start)s AND time < %(end)s
GROUP BY name, schema, tag_id
