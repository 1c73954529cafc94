SELECT
    pg_catalog.to_regclass('public.schema_migrations') IS NOT NULL,
    pg_catalog.to_regclass('public.schema_migration_checksums') IS NOT NULL
