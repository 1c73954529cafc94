-- No list of tags stands for all: a long list costs more than it saves.
-- + 0 keeps the list out of the index, whose first column is the time: the index would be searched
-- once for each tag.
SELECT DISTINCT tag_id
FROM {schema}.prometheus_remote_write
WHERE time >= %(start)s AND time < %(end)s
  AND (%(tag_ids)s::bigint[] IS NULL OR tag_id + 0 = ANY(%(tag_ids)s::bigint[]))
