-- New rows of running totals at instants that another series of the same metric has: added up,
-- both would count. Where several rules make one metric, their series belong side by side.
SELECT incoming.name, min(incoming.time), max(incoming.time), count(*)
FROM pg_temp.incoming AS incoming
WHERE incoming.name <> ALL(%(several)s::text[])
  AND NOT EXISTS (
      SELECT FROM cumsum.prometheus_remote_write same
      WHERE same.time = incoming.time AND same.tag_id = incoming.tag_id
        AND same.name = incoming.name AND same.schema = incoming.schema
        -- The bounds let PostgreSQL skip chunks; the join alone does not.
        AND same.time >= %(start)s AND same.time < %(end)s)
  AND EXISTS (
      SELECT FROM cumsum.prometheus_remote_write other
      WHERE other.time = incoming.time AND other.name = incoming.name
        AND other.time >= %(start)s AND other.time < %(end)s
        AND other.tag_id NOT IN (
            SELECT known.tag_id FROM pg_temp.incoming known WHERE known.name = other.name))
GROUP BY incoming.name
ORDER BY incoming.name
