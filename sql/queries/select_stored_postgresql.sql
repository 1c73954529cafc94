-- Planner's estimates and sizes, partitions added up; oldest and newest come from the index.
WITH held (schema_name, table_name, relation, oldest, newest) AS (
    SELECT 'internal', 'prometheus_remote_write',
        'internal.prometheus_remote_write'::regclass, min(time), max(time)
    FROM internal.prometheus_remote_write
    UNION ALL
    SELECT 'cumsum', 'prometheus_remote_write',
        'cumsum.prometheus_remote_write'::regclass, min(time), max(time)
    FROM cumsum.prometheus_remote_write
    UNION ALL
    SELECT 'internal', 'prometheus_remote_write_tag',
        'internal.prometheus_remote_write_tag'::regclass, NULL, NULL
)

SELECT
    held.schema_name,
    held.table_name,
    sum(greatest(part.reltuples, 0))::bigint,
    held.oldest,
    held.newest,
    sum(pg_catalog.pg_total_relation_size(part.oid))::bigint
FROM held
CROSS JOIN LATERAL (
    SELECT class.oid, class.reltuples
    FROM pg_catalog.pg_class AS class
    WHERE class.oid = held.relation
        OR class.oid IN (SELECT tree.relid FROM pg_catalog.pg_partition_tree(held.relation) AS tree)
) AS part
GROUP BY held.schema_name, held.table_name, held.oldest, held.newest
ORDER BY held.schema_name, held.table_name
