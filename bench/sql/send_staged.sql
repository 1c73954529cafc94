COPY {staging}.prometheus_remote_write (time, tag_id, name, schema, value) FROM STDIN (FORMAT binary)
