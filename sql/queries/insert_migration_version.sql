INSERT INTO public.schema_migrations (version, dirty) VALUES (%s, false)
