SELECT internal.upsert_tags(%(tag_ids)s::bigint[], %(tags)s::jsonb[])
