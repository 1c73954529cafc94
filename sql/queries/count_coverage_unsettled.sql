SELECT count(*) FROM internal.aggregate_change
WHERE window_start < %(end)s AND window_end > %(start)s
