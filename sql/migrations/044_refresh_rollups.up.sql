-- What of a roll-up a refresh has to look at for [p_from, p_to), NULL: all; in windows of four
-- weeks at most, none where nothing is to do. Ends well before the hour in which policies write
-- minutes: TimescaleDB logs no change behind the end of all refreshes. One that is committed while
-- a refresh moves that end is neither logged nor seen.
CREATE FUNCTION internal.rollup_due(p_rollup text, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (window_start timestamptz, window_end timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- Days and weeks have an hour more or less elsewhere, and pieces that cut a day leave it out.
SET TimeZone = 'UTC'
AS $$
DECLARE
    origin constant timestamptz := TIMESTAMPTZ '2000-01-01 00:00:00+00';
    own record;
    starts timestamptz;
    ends timestamptz := now() - INTERVAL '2 hours';
    minutes_end timestamptz;
    oldest timestamptz;
    newest timestamptz;
    due tstzmultirange;
BEGIN
    SELECT
        r.aggregate,
        r.width,
        format('%I.%I', h.schema_name, h.table_name) AS store,
        format('%I.%I', p.schema_name, p.table_name) AS parent
    INTO STRICT own
    FROM internal.rollup r
    JOIN _timescaledb_catalog.continuous_agg a
        ON a.user_view_schema || '.' || a.user_view_name = r.rollup
    JOIN _timescaledb_catalog.hypertable h ON h.id = a.mat_hypertable_id
    JOIN _timescaledb_catalog.hypertable p ON p.id = a.raw_hypertable_id
    WHERE r.rollup = p_rollup;

    -- A real-time aggregate shows raw rows from its watermark on. Rolled up they would stay, even
    -- if they were deleted before they become minutes.
    SELECT to_timestamp(greatest(w.watermark, 0) / 1000000) INTO minutes_end
    FROM _timescaledb_catalog.continuous_agg a
    LEFT JOIN _timescaledb_catalog.continuous_aggs_watermark w USING (mat_hypertable_id)
    WHERE a.user_view_schema || '.' || a.user_view_name = own.aggregate
      AND NOT a.materialized_only;
    IF FOUND THEN
        ends := least(ends, coalesce(minutes_end, '-infinity'));
    END IF;

    -- Whole days even of hours, as a day counts only where all its hours do.
    ends := date_bin(own.width, least(ends,
        date_bin(INTERVAL '1 day', p_to, origin) + INTERVAL '1 day'), origin);
    starts := date_bin(INTERVAL '1 day', p_from, origin);
    IF ends <= starts THEN
        RETURN;
    END IF;
    due := internal.not_settled(p_rollup, own.width) * tstzmultirange(tstzrange(starts, ends));
    IF isempty(due) THEN
        RETURN;
    END IF;

    -- Where neither has a bucket there is nothing to do, whatever the log says.
    EXECUTE format(
        'SELECT least((SELECT min(bucket) FROM %1$s), (SELECT min(bucket) FROM %2$s)),'
        ' greatest((SELECT max(bucket) FROM %1$s), (SELECT max(bucket) FROM %2$s))',
        own.store, own.parent)
    INTO oldest, newest;
    IF oldest IS NULL THEN
        RETURN;
    END IF;
    oldest := date_bin(INTERVAL '1 day', oldest, origin);
    newest := date_bin(INTERVAL '1 day', newest, origin) + INTERVAL '1 day';
    due := due * tstzmultirange(tstzrange(oldest, newest));
    RETURN QUERY
    SELECT lower(piece.part), upper(piece.part)
    FROM (
        SELECT range_merge(
            due * tstzmultirange(tstzrange(step, step + INTERVAL '28 days'))) AS part
        FROM generate_series(oldest, newest, INTERVAL '28 days') AS step
    ) AS piece
    WHERE NOT isempty(piece.part)
    ORDER BY 1;
END
$$;

-- What policies would do: one job instead of eleven, as background workers are few, and as refreshes
-- of hours and of the days above them at the same time can deadlock. The arguments are TimescaleDB's.
-- No SET: a refresh ends transactions, which a procedure with one may not.
CREATE PROCEDURE internal.refresh_rollups(job_id integer DEFAULT NULL, config jsonb DEFAULT NULL)
LANGUAGE plpgsql
AS $$
DECLARE
    aggregates text[] := ARRAY(SELECT DISTINCT r.aggregate FROM internal.rollup r ORDER BY 1);
    of_minutes text;
    names text[];
    name text;
    due record;
BEGIN
    FOREACH of_minutes IN ARRAY aggregates LOOP
        -- Whoever has it writes minutes or hours that must not be committed while this moves the end
        -- of what is logged, and rolls up what it wrote.
        CONTINUE WHEN NOT pg_catalog.pg_try_advisory_lock(
            pg_catalog.hashtextextended('refresh ' || of_minutes, 0));
        names := ARRAY(
            SELECT r.rollup FROM internal.rollup r WHERE r.aggregate = of_minutes ORDER BY r.width);
        FOREACH name IN ARRAY names LOOP
            FOR due IN SELECT * FROM internal.rollup_due(name, NULL, NULL) LOOP
                CALL public.refresh_continuous_aggregate(
                    name::pg_catalog.regclass, due.window_start, due.window_end);
            END LOOP;
        END LOOP;
        PERFORM pg_catalog.pg_advisory_unlock(
            pg_catalog.hashtextextended('refresh ' || of_minutes, 0));
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION internal.rollup_due(text, timestamptz, timestamptz) FROM PUBLIC;
REVOKE EXECUTE ON PROCEDURE internal.refresh_rollups(integer, jsonb) FROM PUBLIC;

SELECT public.add_job(
    'internal.refresh_rollups', schedule_interval => INTERVAL '10 minutes', fixed_schedule => false);
