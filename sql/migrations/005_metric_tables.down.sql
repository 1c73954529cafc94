DROP TABLE cumsum.prometheus_remote_write;
DROP TABLE internal.prometheus_remote_write;
