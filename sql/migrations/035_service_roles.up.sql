-- What Telegraf needs, as a role that nobody logs in as: docker/timescaledb/roles.sql makes the
-- login role and its membership. Roles belong to the whole cluster: another database may have
-- made this one, and another migrator may be making it at this moment.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'staging_writer') THEN
        CREATE ROLE staging_writer NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the role staging_writer is missing and % may not create roles', current_user
            USING ERRCODE = 'insufficient_privilege',
                  HINT = pg_catalog.format(
                      'as an administrator run ALTER ROLE %I CREATEROLE, or CREATE ROLE staging_writer NOLOGIN',
                      current_user);
END
$$;

GRANT USAGE ON SCHEMA staging_internal, staging_cumsum TO staging_writer;
GRANT INSERT ON staging_internal.prometheus_remote_write TO staging_writer;
GRANT INSERT ON staging_cumsum.prometheus_remote_write TO staging_writer;
-- Telegraf copies new tags into a temporary table made LIKE this one, which takes SELECT, and
-- from there on with ON CONFLICT (tag_id), which takes it too. Nothing is in it to be read: the
-- trigger of the same statement has moved it on.
GRANT SELECT, INSERT ON staging_internal.prometheus_remote_write_tag TO staging_writer;
GRANT SELECT, INSERT ON staging_cumsum.prometheus_remote_write_tag TO staging_writer;

-- PUBLIC has it unless somebody took it away; the WebAssembly engine cannot grant on its database.
DO $$
BEGIN
    IF NOT pg_catalog.has_database_privilege(
        'staging_writer', pg_catalog.current_database(), 'TEMPORARY')
    THEN
        EXECUTE pg_catalog.format(
            'GRANT TEMPORARY ON DATABASE %I TO staging_writer', pg_catalog.current_database());
    END IF;
END
$$;
