-- What an unfinished run left in other windows, or under a rule that was edited since, is written
-- again under these entries.
DELETE FROM internal.backfill_ledger AS open
USING unnest(
    %(rule_groups)s::text[], %(rules)s::text[], %(records)s::text[], %(steps)s::interval[],
    %(starts)s::timestamptz[], %(ends)s::timestamptz[]
) AS task (rule_group, rule, record, step, window_start, window_end)
WHERE open.rule_group = task.rule_group
  AND open.record = task.record
  AND open.step = task.step
  AND open.window_start >= task.window_start
  AND open.window_end <= task.window_end
  AND (open.rule, open.window_start, open.window_end)
      <> (task.rule, task.window_start, task.window_end)
  AND open.verified_at IS NULL
