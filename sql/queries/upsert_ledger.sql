-- Written anew, an entry waits for its verification again.
INSERT INTO internal.backfill_ledger AS ledger (
    rule_group, rule, record, step, window_start, window_end,
    series, rows_source, rows_written, rows_present, samples_dropped, run_id
)
SELECT task.*, %(run_id)s
FROM unnest(
    %(rule_groups)s::text[], %(rules)s::text[], %(records)s::text[], %(steps)s::interval[],
    %(starts)s::timestamptz[], %(ends)s::timestamptz[],
    %(series)s::integer[], %(rows_source)s::bigint[], %(rows_written)s::bigint[],
    %(rows_present)s::bigint[], %(dropped)s::bigint[]
) AS task
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
