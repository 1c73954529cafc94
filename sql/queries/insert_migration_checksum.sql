INSERT INTO public.schema_migration_checksums (version, topic, engine, checksum)
VALUES (%s, %s, %s, %s)
ON CONFLICT (version) DO NOTHING
