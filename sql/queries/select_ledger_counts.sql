SELECT
    count(*),
    coalesce(sum(rows_source), 0),
    count(*) FILTER (WHERE overdue),
    min(window_start) FILTER (WHERE overdue),
    max(window_end) FILTER (WHERE overdue)
FROM (
    SELECT *, verified_at IS NULL AND written_at < %(overdue)s AS overdue
    FROM internal.backfill_ledger
    WHERE rule_group = %(group)s
) e
