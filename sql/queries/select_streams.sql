-- The series of all running totals. Reads every row: 0.5 s for 3 million, 0.1 s where they are
-- compressed.
SELECT s.name, s.tag_id, t.labels, s.first, s.last, s.rows
FROM (
    SELECT name, tag_id, min(time) AS first, max(time) AS last, count(*) AS rows
    FROM cumsum.prometheus_remote_write
    GROUP BY name, tag_id
) s
LEFT JOIN internal.prometheus_remote_write_tag t ON t.tag_id = s.tag_id
ORDER BY s.name, s.tag_id
