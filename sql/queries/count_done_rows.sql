-- By metric: how many rows a verified window must have at least, and how many it has. Two rules of
-- one record, as it was and as it is, mostly mean the same rows.
WITH wanted AS (
    SELECT r.name, sum(r.rows)::bigint AS rows
    FROM (
        SELECT lower(split_part(record, '#', 1)) AS name, record, max(rows_source) AS rows
        FROM internal.backfill_ledger
        WHERE rule_group = %(group)s AND window_start = %(start)s AND window_end = %(end)s
          AND step = %(step)s AND verified_at IS NOT NULL
        GROUP BY record
    ) r
    WHERE (r.name = ANY(%(cumulative)s::text[])) = %(totals)s
    GROUP BY r.name
), stored AS (
    SELECT name, count(*) AS rows
    FROM {schema}.prometheus_remote_write
    -- The bounds let TimescaleDB skip chunks.
    WHERE time >= %(start)s AND time < %(end)s AND time = ANY(%(instants)s::timestamptz[])
      AND EXISTS (SELECT FROM wanted)
    GROUP BY name
)
SELECT w.name, w.rows, coalesce(s.rows, 0)
FROM wanted w LEFT JOIN stored s ON s.name = w.name
ORDER BY w.name
