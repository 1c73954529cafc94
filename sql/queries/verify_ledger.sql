UPDATE internal.backfill_ledger AS ledger
SET verified_at = clock_timestamp()
FROM jsonb_to_recordset(%(entries)s::jsonb) AS task (
    rule_group text, rule text, window_start timestamptz, window_end timestamptz
)
WHERE ledger.rule_group = task.rule_group
  AND ledger.rule = task.rule
  AND ledger.window_start = task.window_start
  AND ledger.window_end = task.window_end
