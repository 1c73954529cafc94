-- What was noted over an hour ago and can be refreshed; the sensors ask for it within 15 minutes.
SELECT aggregate, count(*), min(window_start), max(window_end)
FROM internal.aggregate_change
WHERE noted_at < now() - INTERVAL '1 hour'
  AND window_end > internal.refresh_floor(aggregate)
GROUP BY aggregate
ORDER BY aggregate
