-- Takes a window out of the entries of metrics. What of an entry lies outside stays done, with its
-- share of the rows: as many as are stored there at the instants of its step. Rounded down, as the
-- check ledger_holds wants that many: the halves of two rules of one record would be one too many.
WITH cut AS (
    DELETE FROM internal.backfill_ledger
    WHERE lower(split_part(record, '#', 1)) = ANY(%(names)s::text[])
      AND window_end > %(start)s
      AND window_start < %(end)s
    RETURNING *
), piece AS (
    SELECT c.*, part.starts, part.ends
    FROM cut c
    CROSS JOIN LATERAL (VALUES
        (c.window_start, least(c.window_end, %(start)s)),
        (greatest(c.window_start, %(end)s), c.window_end)
    ) AS part (starts, ends)
    WHERE part.starts < part.ends
      -- An instant of the step lies in it.
      AND date_bin(c.step, part.ends - INTERVAL '1 microsecond', 'epoch') >= part.starts
), shared AS (
    SELECT p.*,
        coalesce(p.rows_source * n.inside / nullif(n.whole, 0), 0) AS source,
        coalesce(p.rows_written * n.inside / nullif(n.whole, 0), 0) AS written,
        coalesce(p.samples_dropped * n.inside / nullif(n.whole, 0), 0) AS dropped
    FROM piece p
    CROSS JOIN LATERAL (
        SELECT count(*) AS whole,
            count(*) FILTER (WHERE r.time >= p.starts AND r.time < p.ends) AS inside
        FROM (
            SELECT name, time FROM internal.prometheus_remote_write
            WHERE time >= p.window_start AND time < p.window_end
            UNION ALL
            SELECT name, time FROM cumsum.prometheus_remote_write
            WHERE time >= p.window_start AND time < p.window_end
        ) r
        WHERE r.name = lower(split_part(p.record, '#', 1))
          AND date_bin(p.step, r.time, 'epoch') = r.time
    ) n
)
INSERT INTO internal.backfill_ledger (
    rule_group, rule, record, step, window_start, window_end, series,
    rows_source, rows_written, rows_present, samples_dropped, run_id, written_at, verified_at
)
SELECT
    rule_group, rule, record, step, starts, ends, series,
    source, written, source - written, dropped, run_id, written_at, verified_at
FROM shared
ON CONFLICT DO NOTHING
