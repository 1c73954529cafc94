UPDATE internal.live_checked
SET checked_until = greatest(checked_until, %(until)s)
WHERE record = %(record)s
