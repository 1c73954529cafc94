UPDATE internal.backfill_ledger AS ledger
SET verified_at = clock_timestamp()
FROM unnest(
    %(rule_groups)s::text[], %(rules)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]
) AS task (rule_group, rule, window_start, window_end)
WHERE ledger.rule_group = task.rule_group
  AND ledger.rule = task.rule
  AND ledger.window_start = task.window_start
  AND ledger.window_end = task.window_end
