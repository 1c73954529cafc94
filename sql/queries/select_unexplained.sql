-- Rows of running totals inside of a step that a verified entry of the ledger has whole, and not at
-- its instants: the minutes of an hour that counts already.
WITH covered AS MATERIALIZED (
    SELECT c.name, c.step, range_agg(c.minutes) AS minutes
    FROM internal.backfill_coverage c
    WHERE c.name = ANY(%(names)s::text[]) AND c.verified AND c.step > INTERVAL '1 minute'
    GROUP BY c.name, c.step
), judged AS (
    SELECT r.name, r.time, date_bin(c.step, r.time, 'epoch') <> r.time AS twice
    FROM cumsum.prometheus_remote_write r
    JOIN covered c ON c.name = r.name AND c.minutes @> r.time
    WHERE r.time > %(start)s AND r.time <= %(end)s
)
SELECT
    name,
    count(*),
    count(*) FILTER (WHERE twice),
    min(time) FILTER (WHERE twice),
    max(time) FILTER (WHERE twice)
FROM judged
GROUP BY name
ORDER BY name
