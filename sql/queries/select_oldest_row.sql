SELECT min(time) FROM {schema}.prometheus_remote_write
