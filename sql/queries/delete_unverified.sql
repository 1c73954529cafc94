-- What an unfinished run left is written again under these windows.
DELETE FROM internal.backfill_ledger
WHERE rule_group = %(rule_group)s
  AND rule = %(rule)s
  AND window_start >= %(start)s
  AND window_end <= %(end)s
  AND verified_at IS NULL
