SELECT lower(split_part(g.record, '#', 1)), range_agg(g.missing)
FROM internal.live_gap g
WHERE g.hour >= %(start)s AND g.hour < %(end)s
GROUP BY 1
