SELECT version, engine, checksum, applied_at
FROM public.schema_migration_checksums
ORDER BY version
