SELECT record, checked_until
FROM internal.live_checked
