SELECT rule_group, rule, record, step, window_start, window_end, verified_at IS NOT NULL
FROM internal.backfill_ledger
WHERE (rule_group = %(group)s OR record = ANY(%(records)s))
  AND window_end > %(start)s
  AND window_start < %(end)s
ORDER BY window_start, rule_group, rule
