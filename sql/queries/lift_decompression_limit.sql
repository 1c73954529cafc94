-- Of a compressed chunk only the batches of the metric are opened; more of them than TimescaleDB
-- allows by itself when a window has many series.
SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0
