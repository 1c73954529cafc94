-- True where CREATE EXTENSION timescaledb has a chance: the files are there, and the loader is
-- in shared_preload_libraries (its setting exists; the list itself is hidden from most roles).
SELECT EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'timescaledb')
    AND pg_catalog.current_setting('timescaledb.max_background_workers', true) IS NOT NULL
