SELECT dropped, dropped_to
FROM internal.drop_expired_rows(%s::interval, coalesce(%s::timestamptz, '-infinity'))
