SELECT NOT EXISTS (
    SELECT
    FROM cumsum.prometheus_remote_write
    WHERE time >= %(start)s AND time < %(end)s
)
