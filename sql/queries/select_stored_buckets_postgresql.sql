-- Planner's estimates and sizes of the aggregates, and where their buckets lie.
SELECT
    split_part(s.aggregate, '.', 1),
    split_part(s.aggregate, '.', 2),
    greatest(c.reltuples, 0)::bigint,
    pg_catalog.pg_total_relation_size(c.oid),
    n.nspname,
    c.relname
FROM internal.aggregate_source AS s
JOIN pg_catalog.pg_class AS c
    ON c.oid = coalesce(to_regclass(s.aggregate || '_stored'), to_regclass(s.aggregate))
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY s.aggregate
