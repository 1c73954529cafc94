SELECT name, min(starts_at)
FROM internal.live_start
GROUP BY name
