SELECT time, tag_id, name, schema, value FROM cumsum.prometheus_remote_write;
