-- TimescaleDB's own estimates and sizes of the aggregates, and where their buckets lie.
SELECT
    a.view_schema,
    a.view_name,
    approximate_row_count(store.relation),
    hypertable_size(store.relation),
    a.materialization_hypertable_schema,
    a.materialization_hypertable_name
FROM internal.aggregate_source AS s
JOIN timescaledb_information.continuous_aggregates AS a
    ON a.view_schema || '.' || a.view_name = s.aggregate
CROSS JOIN LATERAL (
    SELECT
        format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)
        ::regclass AS relation
) AS store
ORDER BY s.aggregate
