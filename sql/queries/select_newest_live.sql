-- The newest row of each metric that ever was live, and whether the comparison with the source found
-- that it had nothing to give. A row that a repair brought is older than live ones may be by the next
-- look, as repairs bring what has not come in time.
WITH newest AS (
    SELECT r.name, max(r.time) AS instant
    FROM (
        SELECT name, time FROM internal.prometheus_remote_write
        WHERE time >= %(since)s AND time <= %(now)s
        UNION ALL
        SELECT name, time FROM cumsum.prometheus_remote_write
        WHERE time >= %(since)s AND time <= %(now)s
    ) r
    GROUP BY r.name
)
SELECT l.name, n.instant, EXISTS (
    SELECT FROM internal.live_gap g
    WHERE lower(split_part(g.record, '#', 1)) = l.name
      AND g.hour >= %(since)s
      -- The comparison is made every ten minutes, of what is five minutes old.
      AND upper(g.absent) > %(now)s - INTERVAL '30 minutes')
FROM (SELECT DISTINCT name FROM internal.live_start) l
LEFT JOIN newest n ON n.name = l.name
ORDER BY l.name
