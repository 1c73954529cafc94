SELECT metrics_moved, tags_moved, rows_left FROM internal.drain_staging(%s)
