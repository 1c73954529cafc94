-- The role stays: it belongs to the cluster, other databases and deployed logins may use it.
DO $$
BEGIN
    IF EXISTS (
        SELECT
        FROM pg_catalog.pg_database d
        CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) AS g
        WHERE d.datname = pg_catalog.current_database()
            AND g.grantee = 'staging_writer'::pg_catalog.regrole
            AND g.privilege_type = 'TEMPORARY')
    THEN
        EXECUTE pg_catalog.format(
            'REVOKE TEMPORARY ON DATABASE %I FROM staging_writer', pg_catalog.current_database());
    END IF;
END
$$;
REVOKE ALL ON staging_cumsum.prometheus_remote_write_tag FROM staging_writer;
REVOKE ALL ON staging_internal.prometheus_remote_write_tag FROM staging_writer;
REVOKE ALL ON staging_cumsum.prometheus_remote_write FROM staging_writer;
REVOKE ALL ON staging_internal.prometheus_remote_write FROM staging_writer;
REVOKE USAGE ON SCHEMA staging_internal, staging_cumsum FROM staging_writer;
