-- Records of running totals of which verified entries cover the same time at different steps.
WITH covered AS MATERIALIZED (
    SELECT e.record, e.step, range_agg(tstzrange(
        date_bin(e.step, e.window_start + e.step - INTERVAL '1 microsecond', 'epoch')
            - extract(epoch FROM e.step) * INTERVAL '1 second',
        date_bin(e.step, e.window_end + e.step - INTERVAL '1 microsecond', 'epoch')
            - extract(epoch FROM e.step) * INTERVAL '1 second',
        '(]')) AS minutes
    FROM internal.backfill_ledger e
    WHERE lower(split_part(e.record, '#', 1)) = ANY(%(names)s::text[])
      AND e.verified_at IS NOT NULL
    GROUP BY e.record, e.step
)
SELECT one.record, lower(one.minutes * other.minutes), upper(one.minutes * other.minutes)
FROM covered one
JOIN covered other ON other.record = one.record AND other.step > one.step
WHERE one.minutes && other.minutes
ORDER BY one.record
