-- Not what a row has come for since the rows were looked at: nobody else has a copy of its labels.
DELETE FROM internal.unused_tag AS u
WHERE u.tag_id = ANY(%s::bigint[])
  AND u.retired_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM internal.orphan_tag AS o WHERE o.tag_id = u.tag_id)
