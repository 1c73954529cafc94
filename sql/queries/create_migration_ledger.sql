-- golang-migrate's own table, so that either tool can go on where the other stopped.
CREATE TABLE IF NOT EXISTS public.schema_migrations (
    version bigint NOT NULL PRIMARY KEY,
    dirty   boolean NOT NULL
);
CREATE TABLE IF NOT EXISTS public.schema_migration_checksums (
    version    bigint NOT NULL PRIMARY KEY,
    topic      text NOT NULL,
    engine     text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
)
