SELECT NOT EXISTS (
    SELECT
    FROM internal.prometheus_remote_write
    WHERE time >= %(start)s AND time < %(end)s
)
