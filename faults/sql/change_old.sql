UPDATE internal.prometheus_remote_write SET value = value + 1
WHERE time < (SELECT max(time) - INTERVAL '30 days' FROM internal.prometheus_remote_write)
