-- What is done, and how many rows the source had for it.
SELECT rule_group, rule, record, step, window_start, window_end, rows_source
FROM internal.backfill_ledger
WHERE (rule_group = %(group)s OR record = ANY(%(records)s::text[]))
  AND verified_at IS NOT NULL
  AND window_end > %(start)s
  AND window_start < %(end)s
ORDER BY window_start, rule_group, rule
