SELECT coalesce(max(version), 0), coalesce(bool_or(dirty), false) FROM public.schema_migrations
