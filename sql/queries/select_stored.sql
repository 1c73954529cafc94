-- All rows of a window, one line a series: the times as eight bytes each, the values with commas.
SELECT
    name,
    schema,
    tag_id,
    string_agg(timestamptz_send(time), ''),
    string_agg(value::text, ',')
FROM {schema}.prometheus_remote_write
WHERE time >= %(start)s AND time < %(end)s
GROUP BY name, schema, tag_id
