-- Give each chunk interval of a window that has no chunk yet its chunk, and no rows.
-- TimescaleDB locks a hypertable from the creation of a chunk to the end of the transaction: within
-- the one that loads the window, writers side by side would take turns.
WITH size AS (
    SELECT time_interval
    FROM timescaledb_information.dimensions
    WHERE hypertable_schema = %(schema)s AND hypertable_name = 'prometheus_remote_write'
), moment AS (
    SELECT generate_series(%(start)s::timestamptz, %(end)s::timestamptz, time_interval) AS time
    FROM size
    UNION
    SELECT %(end)s::timestamptz - INTERVAL '1 microsecond'
)
INSERT INTO {schema}.prometheus_remote_write (time, tag_id, name, schema, value)
SELECT moment.time, 0, '', '', 0
FROM moment
WHERE moment.time < %(end)s AND NOT EXISTS (
    SELECT
    FROM timescaledb_information.chunks AS chunk
    WHERE chunk.hypertable_schema = %(schema)s
      AND chunk.hypertable_name = 'prometheus_remote_write'
      AND chunk.range_start <= moment.time
      AND chunk.range_end > moment.time
)
ON CONFLICT DO NOTHING
