-- The windows of a group that are verified, whose rows retention has not reached; and whether that
-- was yesterday or today.
SELECT window_start, window_end, step, max(verified_at) > %(recent)s
FROM internal.backfill_ledger
WHERE rule_group = %(group)s AND verified_at IS NOT NULL AND rows_source > 0
  AND (window_start >= %(floor)s OR lower(split_part(record, '#', 1)) = ANY(%(cumulative)s::text[]))
GROUP BY window_start, window_end, step
ORDER BY window_start, window_end, step
