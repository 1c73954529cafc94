-- What users look at comes first, in a statement of its own: hours that were missed take longer,
-- and when they do not end in time, the newest one must not be lost with them.
DROP FUNCTION internal.refresh_recent(text);

ALTER TABLE internal.refresh_mark ADD COLUMN missed tstzmultirange NOT NULL DEFAULT '{}';

COMMENT ON TABLE internal.refresh_mark IS
    'how far refresh_newest has come; rows that arrive late are noted in aggregate_change instead';
COMMENT ON COLUMN internal.refresh_mark.missed IS
    'what lies before that and was not refreshed, as nobody called for more than an hour';

-- Refreshes the last hour up to a minute ago, and notes what lies between it and the last call.
-- Returns how many buckets differed, up to where all is done, and whether nothing is missed.
CREATE FUNCTION internal.refresh_newest(
    p_aggregate text, OUT changed bigint, OUT refreshed_to timestamptz, OUT is_complete boolean
) LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    newest timestamptz := date_trunc('minute', clock_timestamp() - INTERVAL '1 minute');
    look_back timestamptz := newest - INTERVAL '1 hour';
BEGIN
    -- Before the aggregate's own lock, as refresh_missed does.
    PERFORM FROM internal.refresh_mark m WHERE m.aggregate = p_aggregate FOR UPDATE;
    changed := internal.refresh_aggregate(p_aggregate, look_back, newest);
    UPDATE internal.refresh_mark m
    SET missed = m.missed + CASE
            WHEN m.refreshed_to < look_back
            THEN tstzmultirange(tstzrange(m.refreshed_to, look_back)) ELSE '{}' END,
        -- A clock that was set back takes nothing back.
        refreshed_to = greatest(m.refreshed_to, newest)
    WHERE m.aggregate = p_aggregate
    RETURNING coalesce(lower(m.missed), m.refreshed_to), isempty(m.missed)
    INTO refreshed_to, is_complete;
END
$$;

-- Refreshes the newest hour of what was missed; returns the same.
CREATE FUNCTION internal.refresh_missed(
    p_aggregate text, OUT changed bigint, OUT refreshed_to timestamptz, OUT is_complete boolean
) LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    left_over tstzmultirange;
    starts timestamptz;
    ends timestamptz;
BEGIN
    changed := 0;
    SELECT m.missed * tstzmultirange(tstzrange(internal.refresh_floor(p_aggregate), NULL))
    INTO left_over
    FROM internal.refresh_mark m WHERE m.aggregate = p_aggregate FOR UPDATE;
    IF NOT isempty(left_over) THEN
        ends := upper(left_over);
        SELECT greatest(max(lower(r)), ends - INTERVAL '1 hour') INTO starts
        FROM unnest(left_over) r;
        changed := internal.refresh_aggregate(p_aggregate, starts, ends);
        left_over := left_over - tstzmultirange(tstzrange(starts, ends));
    END IF;
    UPDATE internal.refresh_mark m SET missed = left_over
    WHERE m.aggregate = p_aggregate
    RETURNING coalesce(lower(m.missed), m.refreshed_to), isempty(m.missed)
    INTO refreshed_to, is_complete;
END
$$;

REVOKE EXECUTE ON FUNCTION internal.refresh_newest(text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.refresh_missed(text) FROM PUBLIC;
