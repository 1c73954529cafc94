-- How many rows a window has, and how many of them have neither tags nor a note that says so.
SELECT
    coalesce(sum(r.rows), 0),
    coalesce(sum(r.rows) FILTER (WHERE r.lost), 0),
    count(*) FILTER (WHERE r.lost)
FROM (
    SELECT
        s.rows,
        NOT EXISTS (
            SELECT FROM internal.prometheus_remote_write_tag t WHERE t.tag_id = s.tag_id)
        AND NOT EXISTS (SELECT FROM internal.orphan_tag o WHERE o.tag_id = s.tag_id) AS lost
    FROM (
        SELECT tag_id, count(*) AS rows
        FROM {schema}.prometheus_remote_write
        WHERE time >= %(start)s AND time < %(end)s
        GROUP BY tag_id
    ) s
) r
