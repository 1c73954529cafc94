SELECT aggregate, window_start, window_end, reason, noted_at
FROM internal.aggregate_change
ORDER BY aggregate, window_start, id
