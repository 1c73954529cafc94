SELECT count(*)
FROM {schema}.prometheus_remote_write
WHERE name = %(name)s AND time >= %(start)s AND time < %(end)s
