SELECT window_start, window_end FROM internal.rollup_due(%s, %s, %s)
