-- No list of tags stands for all: a long list costs more than it saves.
SELECT DISTINCT tag_id
FROM {schema}.prometheus_remote_write
WHERE time >= %(start)s AND time < %(end)s
  AND (%(tag_ids)s::bigint[] IS NULL OR tag_id = ANY(%(tag_ids)s::bigint[]))
