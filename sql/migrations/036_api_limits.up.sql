-- PostgREST applies what ALTER ROLE .. SET says of a role to each of that role's requests, so one
-- request can neither run nor wait nor idle for longer. It does not see ALTER ROLE .. IN DATABASE.
-- Roles belong to the whole cluster: what an administrator or another database has set stays, and
-- another migrator may be setting the same at this moment.
DO $$
DECLARE
    v_wanted record;
BEGIN
    FOR v_wanted IN
        SELECT w.role, w.setting, w.value
        FROM (VALUES
            ('web_anon', 'statement_timeout', '10s'),
            ('web_anon', 'lock_timeout', '3s'),
            ('web_anon', 'idle_in_transaction_session_timeout', '10s'),
            ('writer', 'statement_timeout', '5s'),
            ('writer', 'lock_timeout', '3s'),
            ('writer', 'idle_in_transaction_session_timeout', '10s')
        ) AS w (role, setting, value)
    LOOP
        FOR v_attempt IN 1..5 LOOP
            EXIT WHEN EXISTS (
                SELECT
                FROM pg_catalog.pg_roles r
                CROSS JOIN LATERAL pg_catalog.unnest(r.rolconfig) AS config (line)
                WHERE r.rolname = v_wanted.role
                    AND pg_catalog.starts_with(config.line, v_wanted.setting || '='));
            BEGIN
                EXECUTE pg_catalog.format(
                    'ALTER ROLE %I SET %I = %L', v_wanted.role, v_wanted.setting, v_wanted.value);
            EXCEPTION
                WHEN insufficient_privilege THEN
                    RAISE EXCEPTION 'the role % has no %, and % may not set it',
                        v_wanted.role, v_wanted.setting, current_user
                        USING ERRCODE = 'insufficient_privilege',
                              HINT = pg_catalog.format(
                                  'as an administrator run ALTER ROLE %I SET %I = %L, and the same '
                                  'for statement_timeout, lock_timeout and '
                                  'idle_in_transaction_session_timeout of web_anon and writer',
                                  v_wanted.role, v_wanted.setting, v_wanted.value);
                WHEN unique_violation OR internal_error THEN
                    -- Another migrator has just changed the settings of this role: look again.
                    IF v_attempt = 5 THEN
                        RAISE;
                    END IF;
            END;
        END LOOP;
    END LOOP;
END
$$;

-- The settings of roles are part of PostgREST's configuration, not of its schema.
NOTIFY pgrst, 'reload config';
NOTIFY pgrst, 'reload schema';
