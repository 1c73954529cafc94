SELECT tag_id, labels FROM internal.prometheus_remote_write_tag;
