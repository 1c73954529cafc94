SELECT time, tag_id, name, schema, value FROM internal.prometheus_remote_write;
