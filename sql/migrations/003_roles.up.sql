-- Roles belong to the whole cluster: another database may have made them, and another migrator
-- may be making them at this moment.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['web_anon', 'writer', 'authenticator'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted);
        BEGIN
            EXECUTE pg_catalog.format(
                'CREATE ROLE %I NOLOGIN %s', wanted,
                CASE wanted WHEN 'authenticator' THEN 'NOINHERIT' ELSE 'INHERIT' END);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'the role % is missing and % may not create roles', wanted, current_user
                    USING ERRCODE = 'insufficient_privilege',
                          HINT = pg_catalog.format(
                              'as an administrator run ALTER ROLE %I CREATEROLE, or create the roles '
                              'web_anon, writer (NOLOGIN) and authenticator (NOINHERIT NOLOGIN, member of both)',
                              current_user);
        END;
    END LOOP;

    FOREACH wanted IN ARRAY ARRAY['web_anon', 'writer'] LOOP
        CONTINUE WHEN EXISTS (
            SELECT FROM pg_catalog.pg_auth_members m
            WHERE m.roleid = wanted::pg_catalog.regrole
              AND m.member = 'authenticator'::pg_catalog.regrole);
        BEGIN
            EXECUTE pg_catalog.format('GRANT %I TO authenticator', wanted);
        EXCEPTION
            WHEN unique_violation THEN
                NULL;
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'authenticator is not a member of %, and % may not change that',
                    wanted, current_user
                    USING ERRCODE = 'insufficient_privilege',
                          HINT = pg_catalog.format(
                              'as an administrator run: GRANT %I TO authenticator', wanted);
        END;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA api TO web_anon, writer;
GRANT USAGE ON SCHEMA internal TO writer;
