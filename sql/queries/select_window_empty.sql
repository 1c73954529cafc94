SELECT NOT EXISTS (
    SELECT
    FROM {schema}.prometheus_remote_write
    WHERE time >= %(start)s AND time < %(end)s
)
