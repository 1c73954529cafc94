-- A live row that came to an instant of an open entry stands for a minute of a step that the entry
-- has whole: the entry's own row takes its place.
DELETE FROM cumsum.prometheus_remote_write AS stored
USING pg_temp.incoming AS incoming
WHERE stored.time = incoming.time
  AND stored.tag_id = incoming.tag_id
  AND stored.name = incoming.name
  AND stored.schema = incoming.schema
  AND stored.value <> incoming.value
  AND incoming.task = ANY(%(tasks)s::integer[])
  AND stored.time >= %(start)s
  AND stored.time < %(end)s
