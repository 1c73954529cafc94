INSERT INTO internal.prometheus_remote_write (time, tag_id, name, schema, value)
VALUES (%s, %s, %s, %s, %s)
