-- What the retention policy does on TimescaleDB; here somebody has to call it. Whole minutes, so
-- that no bucket is ever computed from half of its rows. Nothing compresses on this engine.
CREATE FUNCTION internal.drop_expired_rows() RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH expired AS (
        DELETE FROM internal.prometheus_remote_write
        WHERE time < date_trunc('minute', now() - INTERVAL '1 year')
        RETURNING 1
    )
    SELECT count(*) FROM expired
$$;

REVOKE EXECUTE ON FUNCTION internal.drop_expired_rows() FROM PUBLIC;
