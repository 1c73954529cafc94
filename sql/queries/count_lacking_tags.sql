-- How many of the series have no tags, or not all of theirs.
SELECT count(*)
FROM unnest(%(tag_ids)s::bigint[], %(tags)s::jsonb[]) AS wanted (tag_id, tags)
LEFT JOIN internal.prometheus_remote_write_tag AS known USING (tag_id)
WHERE known.labels IS NULL OR NOT known.labels @> wanted.tags
