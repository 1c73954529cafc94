-- The entries of metrics in all groups, whatever their rules are numbered.
SELECT rule_group, rule, record, step, window_start, window_end, verified_at IS NOT NULL
FROM internal.backfill_ledger
WHERE lower(split_part(record, '#', 1)) = ANY(%(names)s::text[])
  AND window_end > %(start)s
  AND window_start < %(end)s
ORDER BY window_start, rule_group, rule
