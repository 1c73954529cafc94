DROP FUNCTION internal.refresh_buckets(text, timestamptz, timestamptz);

-- Makes the buckets of [p_from, p_to) what the raw rows say; returns how many differed.
-- Only differences are written, so a refresh that finds nothing new leaves no dead rows.
CREATE OR REPLACE FUNCTION internal.refresh_aggregate(
    p_aggregate text, p_from timestamptz, p_to timestamptz
) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
-- Without fresh statistics the planner takes a month of buckets for a handful, and compares each
-- with each.
SET enable_nestloop = off
SET jit = off
AS $$
DECLARE
    stored regclass := coalesce(to_regclass(p_aggregate || '_stored'), to_regclass(p_aggregate));
    keys text;
    same_key text;
    columns text;
    assignments text;
    changed bigint;
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
    INTO keys, same_key, columns, assignments
    FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE i.indrelid = stored AND i.indisunique;

    -- One refresh of an aggregate at a time: two would insert the same buckets.
    PERFORM pg_advisory_xact_lock(hashtextextended('refresh ' || p_aggregate, 0));
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
    $refresh$, stored, p_aggregate || '_rows', same_key, keys, columns, assignments,
        's.' || replace(columns, ', ', ', s.'))
    INTO changed USING p_from, p_to;
    RETURN changed;
END
$$;

