SELECT
    (SELECT count(*) FROM internal.prometheus_remote_write),
    (SELECT count(*) FROM cumsum.prometheus_remote_write),
    (SELECT count(*) FROM internal.prometheus_remote_write_tag),
    (SELECT count(*) FROM internal.backfill_ledger),
    (SELECT count(*) FROM internal.aggregate_change)
