DROP FUNCTION internal.refresh_missed(text);
DROP FUNCTION internal.refresh_newest(text);

-- Made anew, as a column that was dropped leaves a trace.
ALTER TABLE internal.refresh_mark RENAME TO refresh_mark_before;
ALTER INDEX internal.refresh_mark_pkey RENAME TO refresh_mark_before_pkey;
CREATE TABLE internal.refresh_mark (
    aggregate    text PRIMARY KEY,
    refreshed_to timestamptz NOT NULL
);

COMMENT ON TABLE internal.refresh_mark IS
    'how far refresh_recent has come; rows that arrive late are noted in aggregate_change instead';

INSERT INTO internal.refresh_mark (aggregate, refreshed_to)
SELECT aggregate, coalesce(lower(missed), refreshed_to) FROM internal.refresh_mark_before;
DROP TABLE internal.refresh_mark_before;

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

REVOKE EXECUTE ON FUNCTION internal.refresh_recent(text) FROM PUBLIC;
