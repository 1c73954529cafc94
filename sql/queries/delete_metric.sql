WITH gone AS (
    DELETE FROM {schema}.prometheus_remote_write
    WHERE name = %(name)s AND time >= %(start)s AND time < %(end)s
    RETURNING time, tag_id
), forgotten AS (
    -- Tags that never came need not be waited for any more.
    DELETE FROM internal.orphan_tag o
    USING (SELECT DISTINCT tag_id FROM gone) AS old
    WHERE o.tag_id = old.tag_id
      AND o.source = {source}
      AND o.time_from >= %(start)s
      AND o.time_to < %(end)s
)
SELECT count(*), min(time), max(time) FROM gone
