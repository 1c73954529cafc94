SELECT dropped, dropped_to FROM internal.drop_expired_rows(%s, coalesce(%s, '-infinity'))
