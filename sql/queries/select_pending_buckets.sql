-- Where an aggregate may differ from its rows until the next refresh, above its floor.
SELECT window_start, window_end
FROM internal.aggregate_change
WHERE aggregate = %(aggregate)s
UNION ALL
-- Tags that came and were not settled, as somebody held the note.
SELECT date_trunc('minute', o.time_from), date_trunc('minute', o.time_to) + INTERVAL '1 minute'
FROM internal.orphan_tag o
JOIN internal.prometheus_remote_write_tag t ON t.tag_id = o.tag_id
