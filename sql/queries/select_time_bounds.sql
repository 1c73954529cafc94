SELECT min(time), max(time) FROM {schema}.prometheus_remote_write
