DELETE FROM internal.live_gap
WHERE record = %(record)s AND hour = %(hour)s
