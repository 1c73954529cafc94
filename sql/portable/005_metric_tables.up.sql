CREATE TABLE internal.prometheus_remote_write (
    time   timestamptz NOT NULL,
    tag_id bigint NOT NULL,
    name   text NOT NULL,
    schema text NOT NULL,
    value  numeric NOT NULL,
    -- The only index: each further one costs more ingest than all readers of raw rows gain.
    CONSTRAINT prometheus_remote_write_key UNIQUE (time, tag_id, name, schema)
);

CREATE TABLE cumsum.prometheus_remote_write (
    time   timestamptz NOT NULL,
    tag_id bigint NOT NULL,
    name   text NOT NULL,
    schema text NOT NULL,
    value  numeric NOT NULL,
    CONSTRAINT prometheus_remote_write_key UNIQUE (time, tag_id, name, schema)
);

COMMENT ON TABLE internal.prometheus_remote_write IS
    'samples of gauges; a sample at t speaks for (t - step, t]; kept for 1 year';
COMMENT ON TABLE cumsum.prometheus_remote_write IS
    'increments of cumulative metrics; kept for ever, as the totals are their sum';
