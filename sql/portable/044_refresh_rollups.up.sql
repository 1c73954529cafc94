-- Makes the buckets of [p_from, p_to) what its function of rows says; returns how many differed.
-- Only differences are written, so a refresh that finds nothing new leaves no dead rows.
CREATE FUNCTION internal.refresh_buckets(p_name text, p_from timestamptz, p_to timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
-- Without fresh statistics the planner takes a month of buckets for a handful, and compares each
-- with each.
SET enable_nestloop = off
-- Without nested loops plans look dear, and compiling one takes 30 times as long as the refresh of
-- an hour.
SET jit = off
AS $$
DECLARE
    stored regclass := coalesce(to_regclass(p_name || '_stored'), to_regclass(p_name));
    keys text;
    same_key text;
    columns text;
    assignments text;
    changed bigint;
BEGIN
    SELECT
        string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
            FILTER (WHERE a.attnum = ANY (i.indkey)),
        -- Equality alone can be hashed, so a key that may be NULL is compared in two halves.
        string_agg(
            format(
                CASE WHEN a.attnotnull THEN 's.%1$I = f.%1$I'
                ELSE '(s.%1$I IS NULL) = (f.%1$I IS NULL)'
                    ' AND coalesce(s.%1$I, '''') = coalesce(f.%1$I, '''')' END,
                a.attname),
            ' AND ') FILTER (WHERE a.attnum = ANY (i.indkey)),
        string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
            FILTER (WHERE NOT a.attnum = ANY (i.indkey)),
        string_agg('excluded.' || quote_ident(a.attname), ', ' ORDER BY a.attnum)
            FILTER (WHERE NOT a.attnum = ANY (i.indkey))
    INTO keys, same_key, columns, assignments FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE i.indrelid = stored AND i.indisunique;

    EXECUTE format($refresh$
        WITH fresh AS MATERIALIZED (
            SELECT * FROM %2$s($1, $2)
        ), gone AS (
            DELETE FROM %1$s s
            WHERE s.bucket >= $1 AND s.bucket < $2
              AND NOT EXISTS (SELECT FROM fresh f WHERE %3$s)
            RETURNING 1
        ), written AS (
            INSERT INTO %1$s AS s SELECT * FROM fresh
            ON CONFLICT (%4$s) DO UPDATE SET (%5$s) = ROW(%6$s)
            WHERE ROW(%7$s) IS DISTINCT FROM ROW(%6$s)
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM written)
    $refresh$, stored, p_name || '_rows', same_key, keys, columns, assignments,
        's.' || replace(columns, ', ', ', s.'))
    INTO changed USING p_from, p_to;
    RETURN changed;
END
$$;

-- Makes the minutes of [p_from, p_to) what the raw rows say, and the hours and days above them what
-- the minutes say; returns how many minutes differed. What else changed below the roll-ups is
-- rolled up on the way, newest first, as much as does not hold up the newest minute.
CREATE OR REPLACE FUNCTION internal.refresh_aggregate(
    p_aggregate text, p_from timestamptz, p_to timestamptz
) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at_once constant interval := INTERVAL '7 days';
    changed bigint;
    hours tstzmultirange;
    rest tstzmultirange;
    above record;
BEGIN
    IF p_from >= p_to THEN
        RAISE EXCEPTION 'cannot refresh % from % to %', p_aggregate, p_from, p_to
            USING ERRCODE = 'invalid_parameter_value', HINT = 'wanted from < to';
    END IF;
    -- Here again, and not an error: time moves the floor while a caller computes its windows.
    p_from := greatest(p_from, internal.refresh_floor(p_aggregate));
    IF p_from >= p_to THEN
        RETURN 0;
    END IF;
    -- One refresh of an aggregate at a time: two would insert the same buckets.
    PERFORM pg_advisory_xact_lock(hashtextextended('refresh ' || p_aggregate, 0));
    changed := internal.refresh_buckets(p_aggregate, p_from, p_to);
    WITH taken AS (
        DELETE FROM internal.rollup_change c WHERE c.aggregate = p_aggregate RETURNING c.hours
    )
    SELECT range_agg(span) INTO hours FROM taken CROSS JOIN unnest(taken.hours) AS span;
    IF hours IS NULL THEN
        RETURN changed;
    END IF;
    rest := hours - internal.whole_buckets(
        tstzmultirange(tstzrange(p_from, p_to)), INTERVAL '1 day');
    rest := rest * tstzmultirange(tstzrange(NULL, upper(rest) - at_once));
    IF NOT isempty(rest) THEN
        INSERT INTO internal.rollup_change (aggregate, hours) VALUES (p_aggregate, rest);
    END IF;

    FOR above IN
        SELECT r.rollup, lower(span) AS starts, upper(span) AS ends
        FROM internal.rollup r
        CROSS JOIN LATERAL unnest(internal.whole_buckets(hours - rest, r.width)) AS span
        WHERE r.aggregate = p_aggregate
        -- Days are made of hours.
        ORDER BY r.width, 2
    LOOP
        PERFORM internal.refresh_buckets(above.rollup, above.starts, above.ends);
    END LOOP;
    RETURN changed;
END
$$;

REVOKE EXECUTE ON FUNCTION internal.refresh_buckets(text, timestamptz, timestamptz) FROM PUBLIC;
