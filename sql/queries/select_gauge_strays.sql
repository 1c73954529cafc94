-- Instants of gauges from before the live start at which no entry of the ledger has a sample: live
-- rows that were held up.
SELECT stored.name, stored.time, 0::numeric
FROM (
    SELECT DISTINCT r.name, r.time
    FROM internal.prometheus_remote_write r
    WHERE r.name = ANY(%(names)s::text[]) AND r.time >= %(start)s AND r.time < %(end)s
) stored
LEFT JOIN (
    SELECT l.name, min(l.starts_at) AS starts_at FROM internal.live_start l GROUP BY l.name
) live ON live.name = stored.name
WHERE stored.time < coalesce(live.starts_at, 'infinity')
  AND NOT EXISTS (
      SELECT FROM internal.backfill_ledger e
      WHERE lower(split_part(e.record, '#', 1)) = stored.name
        AND e.window_end > stored.time
        AND e.window_start <= stored.time
        AND date_bin(e.step, stored.time, 'epoch') = stored.time)
ORDER BY 1, 2
