UPDATE public.schema_migrations SET version = %s RETURNING version
