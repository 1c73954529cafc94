-- The total of each cumulative metric since the beginning of history.
SELECT table_name AS metric, value, timestamp
FROM api.get_all_latest_cumsum_metrics()
ORDER BY table_name
