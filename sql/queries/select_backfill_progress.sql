-- How much each rule group has stored so far.
SELECT rule_group, count(DISTINCT (window_start, window_end)), sum(rows_written)
FROM internal.backfill_ledger
GROUP BY rule_group
ORDER BY rule_group
