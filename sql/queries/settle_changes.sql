SELECT internal.settle_changes(%s::bigint[], %s, %s)
