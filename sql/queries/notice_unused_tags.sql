INSERT INTO internal.unused_tag (tag_id)
SELECT tag_id FROM internal.prometheus_remote_write_tag
WHERE tag_id = ANY(%s::bigint[])
ORDER BY tag_id
ON CONFLICT (tag_id) DO NOTHING
