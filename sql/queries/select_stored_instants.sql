-- The rows of some series at some instants, where a window has many others.
SELECT
    name,
    schema,
    tag_id,
    string_agg(timestamptz_send(time), ''),
    string_agg(value::text, ',')
FROM {schema}.prometheus_remote_write
-- The bounds let TimescaleDB skip chunks.
WHERE time >= %(start)s AND time < %(end)s
  AND time = ANY(%(instants)s::timestamptz[])
  AND tag_id = ANY(%(tag_ids)s::bigint[])
GROUP BY name, schema, tag_id
