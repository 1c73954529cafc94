-- What another run has verified meanwhile stays as that run counted it.
UPDATE internal.backfill_ledger
SET rows_written = rows_written + rows_source - rows_present,
    verified_at = clock_timestamp()
WHERE rule_group = %(rule_group)s
    AND rule = %(rule)s
    AND window_start = %(window_start)s
    AND window_end = %(window_end)s
    AND verified_at IS NULL
RETURNING rows_source > rows_present
