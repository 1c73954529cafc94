SELECT internal.retire_tags(%s::bigint[])
