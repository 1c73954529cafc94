-- As vmalert replays: a span of weeks, rule by rule.
COPY (
    SELECT time, tag_id, name, schema, value
    FROM internal.prometheus_remote_write
    ORDER BY date_bin('14 days', time, '2025-01-01 00:00:00+00'), name, tag_id, time
) TO STDOUT
