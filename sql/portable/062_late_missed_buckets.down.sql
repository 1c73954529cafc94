-- Refreshes the last hour up to a minute ago, and notes what lies between it and the last call.
-- Returns how many buckets differed, up to where all is done, and whether nothing is missed.
CREATE OR REPLACE FUNCTION internal.refresh_newest(
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
