SELECT id, window_start, window_end, reason
FROM internal.aggregate_change
WHERE aggregate = %s AND window_start < %s AND window_end > %s
