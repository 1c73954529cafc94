-- Samples that were put into the staging tables since the server began to count.
SELECT coalesce(sum(n_tup_ins), 0)::bigint
FROM pg_stat_user_tables
WHERE schemaname IN ('staging_internal', 'staging_cumsum') AND relname = 'prometheus_remote_write'
