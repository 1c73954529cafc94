-- Bytes of rows, and of indexes.
SELECT pg_table_size(t), pg_indexes_size(t)
FROM (SELECT 'internal.prometheus_remote_write'::regclass AS t) AS raw
