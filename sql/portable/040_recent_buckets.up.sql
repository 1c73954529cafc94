-- What TimescaleDB's policies do; here somebody has to call it.

-- Its plans look dear without nested loops, and compiling one takes 30 times as long as the refresh
-- of an hour.
ALTER FUNCTION internal.refresh_aggregate(text, timestamptz, timestamptz) SET jit = off;

CREATE TABLE internal.refresh_mark (
    aggregate    text PRIMARY KEY,
    refreshed_to timestamptz NOT NULL
);

COMMENT ON TABLE internal.refresh_mark IS
    'how far refresh_recent has come; rows that arrive late are noted in aggregate_change instead';

INSERT INTO internal.refresh_mark (aggregate, refreshed_to)
SELECT s.aggregate, date_trunc('minute', now() - INTERVAL '1 hour')
FROM internal.aggregate_source s;

-- Refreshes the last hour up to a minute ago; then, where nobody called for longer, the oldest six
-- hours of what was missed. Returns how many buckets differed, and up to where all is done.
CREATE FUNCTION internal.refresh_recent(
    p_aggregate text, OUT changed bigint, OUT refreshed_to timestamptz
) LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    newest timestamptz := date_trunc('minute', clock_timestamp() - INTERVAL '1 minute');
    look_back timestamptz := newest - INTERVAL '1 hour';
    done timestamptz;
BEGIN
    SELECT m.refreshed_to INTO done
    FROM internal.refresh_mark m WHERE m.aggregate = p_aggregate FOR UPDATE;
    changed := internal.refresh_aggregate(p_aggregate, look_back, newest);
    refreshed_to := newest;
    IF done < look_back THEN
        refreshed_to := least(done + INTERVAL '6 hours', look_back);
        changed := changed + internal.refresh_aggregate(p_aggregate, done, refreshed_to);
        IF refreshed_to = look_back THEN
            refreshed_to := newest;
        END IF;
    END IF;
    -- A clock that was set back takes nothing back.
    refreshed_to := greatest(refreshed_to, done);
    UPDATE internal.refresh_mark m SET refreshed_to = refresh_recent.refreshed_to
    WHERE m.aggregate = p_aggregate;
END
$$;

-- Drops the oldest p_span of what is older than a year, from p_from on. Returns how many rows went
-- and up to where none is left; NULL when nothing is that old.
-- An hour later than the refresh floor rises: a refresh that has found its floor and then waits
-- must still find the rows above it.
CREATE FUNCTION internal.drop_expired_rows(
    p_span interval, p_from timestamptz, OUT dropped bigint, OUT dropped_to timestamptz
) LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expired timestamptz := date_trunc('minute', now() - INTERVAL '1 year') - INTERVAL '1 hour';
    oldest timestamptz;
BEGIN
    dropped := 0;
    SELECT min(r.time) INTO oldest FROM internal.prometheus_remote_write r WHERE r.time >= p_from;
    IF oldest < expired THEN
        dropped_to := least(expired, date_trunc('minute', oldest) + p_span);
        DELETE FROM internal.prometheus_remote_write r
        WHERE r.time >= p_from AND r.time < dropped_to;
        GET DIAGNOSTICS dropped = ROW_COUNT;
    END IF;
END
$$;

-- Of each aggregate the newest bucket that the raw rows of [p_from, p_to) ask for, and the newest
-- one that is stored.
CREATE FUNCTION internal.newest_buckets(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (aggregate text, wanted timestamptz, stored timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR aggregate IN SELECT s.aggregate FROM internal.aggregate_source s ORDER BY 1 LOOP
        EXECUTE format('SELECT max(bucket) FROM %s($1, $2)', aggregate || '_rows')
        INTO wanted USING p_from, p_to;
        EXECUTE format('SELECT max(bucket) FROM %s WHERE bucket >= $1 AND bucket < $2',
            coalesce(to_regclass(aggregate || '_stored'), to_regclass(aggregate)))
        INTO stored USING p_from, p_to;
        RETURN NEXT;
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION internal.refresh_recent(text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.drop_expired_rows(interval, timestamptz) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.newest_buckets(timestamptz, timestamptz) FROM PUBLIC;
