-- Retired tags that rows refer to after all: noted as if the rows had come before their tags.
INSERT INTO internal.orphan_tag AS o (tag_id, source, time_from, time_to)
SELECT tag_id, %(source)s, min(time), max(time)
FROM {schema}.prometheus_remote_write
WHERE tag_id + 0 = ANY(%(tag_ids)s::bigint[])
GROUP BY tag_id
ORDER BY tag_id
ON CONFLICT (tag_id, source) DO UPDATE SET
    time_from = least(o.time_from, excluded.time_from),
    time_to = greatest(o.time_to, excluded.time_to)
