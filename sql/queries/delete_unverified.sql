-- What an unfinished run left in other windows is written again under this one.
DELETE FROM internal.backfill_ledger
WHERE rule_group = %(rule_group)s
  AND rule = %(rule)s
  AND window_start >= %(start)s
  AND window_end <= %(end)s
  AND (window_start, window_end) <> (%(start)s, %(end)s)
  AND verified_at IS NULL
