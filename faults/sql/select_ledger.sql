SELECT rule_group, record, step, window_start, window_end, verified_at IS NOT NULL
FROM internal.backfill_ledger;
