SELECT record, owed_from, checked_until
FROM internal.live_checked
