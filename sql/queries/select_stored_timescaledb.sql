-- TimescaleDB's own estimates and sizes, chunks added up; oldest and newest come from the index.
SELECT 'cumsum', 'prometheus_remote_write',
    approximate_row_count('cumsum.prometheus_remote_write'), min(time), max(time),
    hypertable_size('cumsum.prometheus_remote_write')
FROM cumsum.prometheus_remote_write
UNION ALL
SELECT 'internal', 'prometheus_remote_write',
    approximate_row_count('internal.prometheus_remote_write'), min(time), max(time),
    hypertable_size('internal.prometheus_remote_write')
FROM internal.prometheus_remote_write
UNION ALL
SELECT 'internal', 'prometheus_remote_write_tag',
    (
        SELECT greatest(class.reltuples, 0)::bigint
        FROM pg_catalog.pg_class AS class
        WHERE class.oid = 'internal.prometheus_remote_write_tag'::regclass
    ),
    NULL, NULL,
    pg_catalog.pg_total_relation_size('internal.prometheus_remote_write_tag')
