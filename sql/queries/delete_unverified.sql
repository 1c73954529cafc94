-- What an unfinished run left in other windows, or under a rule that was edited since, is written
-- again under these entries.
DELETE FROM internal.backfill_ledger AS open
USING jsonb_to_recordset(%(entries)s::jsonb) AS task (
    rule_group text, rule text, record text, step interval,
    window_start timestamptz, window_end timestamptz
)
WHERE open.rule_group = task.rule_group
  AND open.record = task.record
  AND open.step = task.step
  AND open.window_start >= task.window_start
  AND open.window_end <= task.window_end
  AND (open.rule, open.window_start, open.window_end)
      <> (task.rule, task.window_start, task.window_end)
  AND open.verified_at IS NULL
