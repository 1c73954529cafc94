-- Four on each: what a hypertable gets by default, the key, and two for readers.
CREATE UNIQUE INDEX prometheus_remote_write_key
ON internal.prometheus_remote_write (time, tag_id, name, schema);
CREATE INDEX prometheus_remote_write_time_idx
ON internal.prometheus_remote_write (time DESC);
CREATE INDEX prometheus_remote_write_name_schema_time_idx
ON internal.prometheus_remote_write (name, schema, time);
CREATE INDEX prometheus_remote_write_schema_name_time_idx
ON internal.prometheus_remote_write (schema, name, time);

CREATE UNIQUE INDEX prometheus_remote_write_key
ON cumsum.prometheus_remote_write (time, tag_id, name, schema);
CREATE INDEX prometheus_remote_write_time_idx
ON cumsum.prometheus_remote_write (time DESC);
CREATE INDEX prometheus_remote_write_name_schema_time_idx
ON cumsum.prometheus_remote_write (name, schema, time);
CREATE INDEX prometheus_remote_write_schema_name_time_idx
ON cumsum.prometheus_remote_write (schema, name, time);
