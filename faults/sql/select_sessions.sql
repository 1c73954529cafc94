SELECT state, query, (SELECT count(*) FROM internal.backfill_ledger WHERE verified_at IS NULL)
FROM pg_stat_activity
WHERE datname = current_database()
    AND backend_type = 'client backend'
    AND pid <> pg_backend_pid();
