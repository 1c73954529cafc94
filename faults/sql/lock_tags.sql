LOCK TABLE internal.prometheus_remote_write_tag IN ACCESS EXCLUSIVE MODE
