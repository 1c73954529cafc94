DELETE FROM internal.unused_tag WHERE tag_id = ANY(%s::bigint[]) AND retired_at IS NOT NULL
