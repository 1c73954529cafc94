-- In use again, or stored anew by a writer that did not find it.
DELETE FROM internal.unused_tag AS u
WHERE (u.retired_at IS NULL AND u.tag_id = ANY(%s::bigint[]))
   OR (u.retired_at IS NOT NULL AND EXISTS (
        SELECT FROM internal.prometheus_remote_write_tag AS t WHERE t.tag_id = u.tag_id))
