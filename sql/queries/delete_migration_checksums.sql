DELETE FROM public.schema_migration_checksums WHERE version > %s
