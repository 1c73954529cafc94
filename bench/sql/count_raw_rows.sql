-- The rows of both hypertables, ours or the predecessor's.
SELECT
    (SELECT count(*) FROM internal.prometheus_remote_write)
    + (SELECT count(*) FROM cumsum.prometheus_remote_write);
