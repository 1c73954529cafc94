-- Where TimescaleDB keeps the buckets of a continuous aggregate.
SELECT format('%%I.%%I', h.schema_name, h.table_name)
FROM _timescaledb_catalog.continuous_agg a
JOIN _timescaledb_catalog.hypertable h ON h.id = a.mat_hypertable_id
WHERE a.user_view_schema || '.' || a.user_view_name = %s
