SELECT
    (SELECT count(*) FROM internal.prometheus_remote_write WHERE time >= %s)
    + (SELECT count(*) FROM cumsum.prometheus_remote_write WHERE time >= %s);
