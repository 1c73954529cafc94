-- The views and functions of later files name the extension's functions with their schema,
-- so that nobody's search_path decides what they mean; hence one fixed schema.
CREATE EXTENSION IF NOT EXISTS timescaledb WITH SCHEMA public;

DO $$
DECLARE
    found_schema text;
BEGIN
    SELECT n.nspname INTO found_schema
    FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'timescaledb';

    IF found_schema <> 'public' THEN
        RAISE EXCEPTION 'the extension timescaledb is installed in the schema %, wanted public', found_schema
            USING HINT = 'use another database, or install the extension with: CREATE EXTENSION timescaledb WITH SCHEMA public';
    END IF;
    IF pg_catalog.current_setting('timescaledb.license') <> 'timescale' THEN
        RAISE EXCEPTION 'timescaledb.license is %, wanted timescale',
            pg_catalog.current_setting('timescaledb.license')
            USING HINT = 'compression, retention and continuous aggregates need the Community licence: '
                'set timescaledb.license = timescale in postgresql.conf';
    END IF;
END
$$;
