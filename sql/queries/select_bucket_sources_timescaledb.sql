-- What a continuous aggregate or roll-up is made by, and where its buckets lie.
SELECT
    rtrim(a.view_definition, '; '),
    a.materialization_hypertable_schema,
    a.materialization_hypertable_name
FROM timescaledb_information.continuous_aggregates a
WHERE a.view_schema || '.' || a.view_name = %(name)s
