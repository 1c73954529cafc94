SELECT internal.upsert_tags(array_agg(tag_id), array_agg(tags)) FROM pg_temp.incoming_tag
