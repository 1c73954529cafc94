-- Series with rows whose tags have not come, by table.
SELECT o.source, count(*), min(o.time_from)
FROM internal.orphan_tag o
WHERE NOT EXISTS (
    SELECT FROM internal.prometheus_remote_write_tag t WHERE t.tag_id = o.tag_id)
GROUP BY o.source
ORDER BY o.source
