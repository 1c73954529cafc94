-- Whether rows are there that should have been dropped a day ago.
SELECT EXISTS (
    SELECT FROM internal.prometheus_remote_write
    WHERE time < now() - INTERVAL '1 year 1 day'
)
