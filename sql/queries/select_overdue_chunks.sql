-- Not compressed, and not dropped, though it is time. Two days more than the policies' ages, as
-- those run once or twice a day, and a day for chunks that a backfill has just made.
SELECT
    count(*) FILTER (WHERE NOT is_compressed AND range_end < now() - INTERVAL '9 days'),
    count(*) FILTER (
        WHERE hypertable_schema = 'internal' AND range_end < now() - INTERVAL '1 year 2 days'
    )
FROM timescaledb_information.chunks
WHERE hypertable_schema IN ('internal', 'cumsum')
  AND hypertable_name = 'prometheus_remote_write'
  AND chunk_creation_time < now() - INTERVAL '1 day'
