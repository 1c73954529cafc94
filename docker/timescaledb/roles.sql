-- The roles that services log in as, with passwords from TELEGRAF_DB_PASSWORD and
-- POSTGREST_DB_PASSWORD. Run it with psql >= 15 as the owner of the database (CREATEROLE, not
-- superuser), after the migrations or before; run it again to change a password:
--   psql --no-psqlrc "$DATABASE_URL" -f roles.sql
--
-- Where the passwords go: into one session setting, and from there into ALTER ROLE inside a DO
-- block. So they are in no DDL statement that `log_statement = ddl` or `mod` would log, in no
-- error message, and not in pg_stat_statements, which keeps no constants. Only a superuser can
-- turn `log_statement = all` off; a server that logs everything logs them.

\set ON_ERROR_STOP on
\set QUIET on
-- A password must not come back as a result, nor a statement that holds one with an error.
\set ECHO none
\set VERBOSITY default
\set SHOW_CONTEXT never
-- ` ` runs a shell; the passwords are not among its arguments.
\set telegraf_missing `[ -n "$TELEGRAF_DB_PASSWORD" ] && echo off || echo on`
\set postgrest_missing `[ -n "$POSTGREST_DB_PASSWORD" ] && echo off || echo on`
\if :telegraf_missing
    DO $$ BEGIN RAISE EXCEPTION 'TELEGRAF_DB_PASSWORD is not set or empty, wanted the password of the role telegraf'
        USING HINT = 'export it and run roles.sql again'; END $$;
\endif
\if :postgrest_missing
    DO $$ BEGIN RAISE EXCEPTION 'POSTGREST_DB_PASSWORD is not set or empty, wanted the password of the role postgrest'
        USING HINT = 'export it and run roles.sql again'; END $$;
\endif
\getenv telegraf_password TELEGRAF_DB_PASSWORD
\getenv postgrest_password POSTGREST_DB_PASSWORD

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;
-- Two deployments at once would update the same rows of the catalog.
SELECT pg_advisory_xact_lock(hashtext('promtsdb roles')) \g /dev/null
SELECT set_config('promtsdb.telegraf_password', :'telegraf_password', true) \g /dev/null
SELECT set_config('promtsdb.postgrest_password', :'postgrest_password', true) \g /dev/null

-- The same attributes as in the migrations, which make them when this ran first.
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('web_anon', 'NOLOGIN INHERIT'),
            ('writer', 'NOLOGIN INHERIT'),
            ('staging_writer', 'NOLOGIN INHERIT'),
            ('telegraf', 'LOGIN INHERIT CONNECTION LIMIT 10'),
            -- NOINHERIT: it has no right of its own until it becomes one of its two roles.
            -- Its pool has 10; two of them side by side while one replaces the other.
            ('postgrest', 'LOGIN NOINHERIT CONNECTION LIMIT 30')
        ) AS w (name, attributes)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.attributes);
        END IF;
    END LOOP;
END
$$;

-- A role of these names may be older than this deployment; what it could do beyond is refused
-- rather than taken away, since somebody may rely on it.
DO $$
DECLARE
    service record;
    surplus text;
BEGIN
    FOR service IN
        SELECT * FROM (VALUES
            ('telegraf', ARRAY['staging_writer'], true),
            ('postgrest', ARRAY['web_anon', 'writer'], false)
        ) AS s (name, groups, inherits)
    LOOP
        SELECT string_agg(attribute, ', ') INTO surplus
        FROM pg_roles r
        CROSS JOIN LATERAL (VALUES
            (r.rolsuper, 'SUPERUSER'), (r.rolcreaterole, 'CREATEROLE'),
            (r.rolcreatedb, 'CREATEDB'), (r.rolreplication, 'REPLICATION'),
            (r.rolbypassrls, 'BYPASSRLS'), (NOT r.rolcanlogin, 'NOLOGIN'),
            (r.rolinherit <> service.inherits,
                CASE WHEN r.rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END)
        ) AS a (has, attribute)
        WHERE r.rolname = service.name AND a.has;
        IF surplus IS NOT NULL THEN
            RAISE EXCEPTION 'the role % exists with %', service.name, surplus
                USING HINT = format('as an administrator drop or rename it, or take that away: '
                    'ALTER ROLE %I ...', service.name);
        END IF;

        SELECT string_agg(quote_ident(g.rolname), ', ') INTO surplus
        FROM pg_auth_members m
        JOIN pg_roles g ON g.oid = m.roleid
        WHERE m.member = service.name::regrole AND g.rolname <> ALL (service.groups);
        IF surplus IS NOT NULL THEN
            RAISE EXCEPTION 'the role % is a member of %, wanted of % only',
                service.name, surplus, array_to_string(service.groups, ', ')
                USING HINT = format('REVOKE %s FROM %I', surplus, service.name);
        END IF;

        FOR i IN 1 .. cardinality(service.groups) LOOP
            CONTINUE WHEN EXISTS (
                SELECT FROM pg_auth_members m
                WHERE m.roleid = service.groups[i]::regrole AND m.member = service.name::regrole);
            EXECUTE format('GRANT %I TO %I', service.groups[i], service.name);
        END LOOP;
        IF NOT has_database_privilege(service.name, current_database(), 'CONNECT') THEN
            EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), service.name);
        END IF;

        -- The handler is there for the password: without it the message of an error would
        -- quote the statement.
        BEGIN
            EXECUTE format('ALTER ROLE %I PASSWORD %L',
                service.name, current_setting(format('promtsdb.%s_password', service.name)));
        EXCEPTION WHEN OTHERS THEN
            RAISE EXCEPTION 'cannot set the password of the role %: %', service.name, SQLERRM
                USING ERRCODE = SQLSTATE,
                      HINT = format('whoever made the role may: on PostgreSQL 16 and later as an '
                          'administrator run GRANT %I TO %I WITH ADMIN OPTION',
                          service.name, current_user);
        END;
    END LOOP;
END
$$;

-- PostgREST gives each request the limits of web_anon or writer. This one is behind them, should
-- it ever fail to read them.
ALTER ROLE postgrest SET statement_timeout = '30s';
ALTER ROLE postgrest SET idle_in_transaction_session_timeout = '30s';
-- A Telegraf whose machine went away must not keep the lock of running totals for hours.
ALTER ROLE telegraf SET idle_in_transaction_session_timeout = '60s';
COMMIT;
