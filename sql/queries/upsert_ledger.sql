-- Written anew, an entry waits for its verification again.
INSERT INTO internal.backfill_ledger AS ledger (
    rule_group, rule, record, step, window_start, window_end,
    series, rows_source, rows_written, rows_present, samples_dropped, run_id
)
SELECT task.*, %(run_id)s
FROM jsonb_to_recordset(%(entries)s::jsonb) AS task (
    rule_group text, rule text, record text, step interval,
    window_start timestamptz, window_end timestamptz,
    series integer, rows_source bigint, rows_written bigint, rows_present bigint,
    samples_dropped bigint
)
ON CONFLICT (rule_group, rule, window_start, window_end) DO UPDATE SET
    step = excluded.step,
    series = excluded.series,
    rows_source = excluded.rows_source,
    rows_written = ledger.rows_written + excluded.rows_written,
    rows_present = excluded.rows_present,
    samples_dropped = excluded.samples_dropped,
    run_id = excluded.run_id,
    written_at = clock_timestamp(),
    verified_at = NULL
