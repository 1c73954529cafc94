-- What an unfinished run left in other windows, or under a rule that was edited since, is written
-- again under this entry.
DELETE FROM internal.backfill_ledger
WHERE rule_group = %(rule_group)s
  AND record = %(record)s
  AND step = %(step)s
  AND window_start >= %(start)s
  AND window_end <= %(end)s
  AND (rule, window_start, window_end) <> (%(rule)s, %(start)s, %(end)s)
  AND verified_at IS NULL
