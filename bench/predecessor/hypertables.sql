-- Weeks; the series is no part of the segments, so a lookup opens the batches of all of them.
SELECT public.create_hypertable('internal.prometheus_remote_write', 'time',
    chunk_time_interval => INTERVAL '7 days', create_default_indexes => false);
SELECT public.create_hypertable('cumsum.prometheus_remote_write', 'time',
    chunk_time_interval => INTERVAL '7 days', create_default_indexes => false);

ALTER TABLE internal.prometheus_remote_write SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'name, schema',
    timescaledb.compress_orderby = 'time DESC, tag_id'
);
ALTER TABLE cumsum.prometheus_remote_write SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'name, schema',
    timescaledb.compress_orderby = 'time DESC, tag_id'
);
