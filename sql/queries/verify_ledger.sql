UPDATE internal.backfill_ledger
SET verified_at = clock_timestamp()
WHERE rule_group = %(rule_group)s
  AND rule = %(rule)s
  AND window_start = %(start)s
  AND window_end = %(end)s
