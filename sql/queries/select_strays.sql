-- What is stored of cumulative metrics from before the live start and no entry of the ledger
-- explains.
WITH wanted AS MATERIALIZED (
    SELECT asked.name, coalesce(min(l.starts_at), 'infinity') AS live_since
    FROM (
        SELECT DISTINCT lower(split_part(record, '#', 1)) AS name
        FROM unnest(%(records)s::text[]) AS record
    ) asked
    LEFT JOIN internal.live_start l ON l.name = asked.name
    GROUP BY asked.name
), covered AS MATERIALIZED (
    SELECT w.name, c.minutes
    FROM wanted w
    CROSS JOIN LATERAL internal.covered_minutes(w.name, %(start)s, %(end)s) c
)
SELECT r.name, r.time, sum(r.value)
FROM cumsum.prometheus_remote_write r
JOIN wanted w ON w.name = r.name AND r.time < w.live_since
WHERE r.time >= %(start)s
  -- The live rows of a year are not looked at.
  AND r.time < least(%(end)s, (SELECT max(live_since) FROM wanted))
  AND NOT EXISTS (SELECT FROM covered c WHERE c.name = r.name AND c.minutes @> r.time)
GROUP BY r.name, r.time
ORDER BY r.name, r.time
