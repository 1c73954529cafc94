-- How many rows a window has, up to a limit.
SELECT count(*)
FROM (
    SELECT
    FROM {schema}.prometheus_remote_write
    WHERE time >= %(start)s AND time < %(end)s
    LIMIT %(limit)s
) AS there
