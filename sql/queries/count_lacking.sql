-- Which of the incoming rows are not stored.
SELECT incoming.name, count(*)
FROM pg_temp.incoming AS incoming
WHERE NOT EXISTS (
    SELECT
    FROM {schema}.prometheus_remote_write AS stored
    WHERE stored.time = incoming.time
        AND stored.tag_id = incoming.tag_id
        AND stored.name = incoming.name
        AND stored.schema = incoming.schema
        -- The bounds let PostgreSQL skip chunks; the join alone does not.
        AND stored.time >= %(start)s
        AND stored.time < %(end)s
)
GROUP BY incoming.name
