-- Which of the incoming rows are stored, and with which of them another value was there first.
SELECT
    incoming.task,
    incoming.time,
    count(*) AS present,
    count(*) FILTER (WHERE stored.value <> incoming.value) AS differing
FROM pg_temp.incoming AS incoming
JOIN {schema}.prometheus_remote_write AS stored USING (time, tag_id, name, schema)
-- The bounds let PostgreSQL skip chunks; the join alone does not.
WHERE stored.time >= %(start)s AND stored.time < %(end)s
GROUP BY incoming.task, incoming.time
