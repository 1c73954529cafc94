-- Where the incoming rows are not all stored, or stored with another value.
-- Of a running total, what a coarser step covers is there, and where another series has the same
-- minute, the two count twice; but where several rules make one metric, their series belong side
-- by side.
SELECT
    judged.task,
    judged.time,
    count(*) FILTER (WHERE judged.lacking AND NOT judged.taken) AS lacking,
    count(*) FILTER (WHERE judged.taken) AS taken,
    count(*) FILTER (WHERE judged.differing) AS differing
FROM (
    SELECT
        incoming.task,
        incoming.time,
        (stored.time IS NULL OR NOT EXISTS (
            SELECT FROM internal.prometheus_remote_write_tag t WHERE t.tag_id = incoming.tag_id))
        AND NOT (%(totals)s AND EXISTS (
            SELECT FROM internal.backfill_coverage c
            WHERE c.name = incoming.name AND c.window_end > incoming.time
              AND c.minutes @> incoming.time AND c.step > %(step)s)) AS lacking,
        %(totals)s AND incoming.name <> ALL(%(several)s::text[]) AND EXISTS (
            SELECT FROM {schema}.prometheus_remote_write other
            WHERE other.time = incoming.time AND other.name = incoming.name
              AND other.time >= %(start)s AND other.time < %(end)s
              AND NOT EXISTS (
                  SELECT FROM pg_temp.incoming known
                  WHERE known.time = other.time AND known.tag_id = other.tag_id
                    AND known.name = other.name)) AS taken,
        coalesce(stored.value <> incoming.value, false) AS differing
    FROM pg_temp.incoming AS incoming
    LEFT JOIN {schema}.prometheus_remote_write AS stored
        ON stored.time = incoming.time AND stored.tag_id = incoming.tag_id
        AND stored.name = incoming.name AND stored.schema = incoming.schema
        -- The bounds let PostgreSQL skip chunks; the join alone does not.
        AND stored.time >= %(start)s AND stored.time < %(end)s
) judged
WHERE judged.lacking OR judged.taken OR judged.differing
GROUP BY judged.task, judged.time
