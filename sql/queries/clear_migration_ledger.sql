DELETE FROM public.schema_migrations
