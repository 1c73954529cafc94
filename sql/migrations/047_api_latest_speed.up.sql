-- The newest row of an aggregate as a query of (bucket, width, p_columns): the newest of each range,
-- and of those the newest. One LIMIT over all of them would read each day of years.
CREATE FUNCTION internal.newest_text(
    p_parts internal.range_part[], p_columns text, p_where text
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('SELECT * FROM (%s) newest ORDER BY bucket DESC LIMIT 1', string_agg(
        format('(SELECT * FROM (%s) part ORDER BY bucket DESC LIMIT 1)', internal.rows_text(
            ROW(p.relation, p.width, tstzmultirange(r))::internal.range_part,
            format('bucket, interval %L AS width%s', p.width, p_columns), p_where)),
        ' UNION ALL '))
    FROM unnest(p_parts) p CROSS JOIN LATERAL unnest(p.ranges) r;
END;

-- Every name that a column of an aggregate has or had. What is short, such as the newest hours and
-- minutes, is read whole; in what is long it jumps from name to name in the index, where a range
-- would make it read all rows of each name that is dead.
CREATE FUNCTION internal.known_names(p_parts internal.range_part[], p_column text)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    c_short CONSTANT integer := 200;
    c_jump CONSTANT text := '(WITH RECURSIVE known (name) AS ('
        '(SELECT m.%1$s FROM %2$s m ORDER BY m.%1$s LIMIT 1) UNION ALL SELECT ('
        'SELECT m.%1$s FROM %2$s m WHERE m.%1$s > known.name ORDER BY m.%1$s LIMIT 1'
        ') FROM known WHERE known.name IS NOT NULL) SELECT known.name FROM known)';
    v_part internal.range_part;
    v_long tstzmultirange;
    v_any boolean;
    v_texts text[];
    v_names text[];
BEGIN
    FOREACH v_part IN ARRAY p_parts LOOP
        SELECT range_agg(r) INTO v_long
        FROM unnest(v_part.ranges) r
        WHERE least(upper(r), now()) - lower(r) > c_short * v_part.width;
        v_any := v_long IS NOT NULL;
        IF v_any THEN
            -- Most often there is nothing before the first day.
            EXECUTE format('SELECT EXISTS (%s)', internal.rows_text(
                ROW(v_part.relation, v_part.width, v_long)::internal.range_part, '', 'true'))
            INTO v_any;
            v_part.ranges := v_part.ranges - v_long;
        END IF;
        v_texts := v_texts || CASE
            WHEN v_any THEN format(c_jump, p_column, v_part.relation)
            ELSE internal.rows_text(v_part, p_column, 'true') END;
    END LOOP;
    IF array_to_string(v_texts, '') <> '' THEN
        EXECUTE format('SELECT array_agg(DISTINCT n.name) FROM (%s) AS n (name)'
            ' WHERE n.name IS NOT NULL', array_to_string(v_texts, ' UNION ALL '))
        INTO v_names;
    END IF;
    RETURN coalesce(v_names, '{}');
END
$$;

-- The newest minute of each metric. The minutes of the last days answer for what is alive; of what
-- is dead, its newest day says which minutes to look at. So years of history cost nothing.
CREATE FUNCTION internal.newest_minutes(
    p_aggregate text, p_parts internal.range_part[], p_column text, p_where text
) RETURNS TABLE (bucket timestamptz, name text, amount numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET TimeZone = 'UTC'
SET DateStyle = 'ISO, YMD'
AS $$
#variable_conflict use_column
DECLARE
    -- A name is asked for twice: taken once, the planner hopes to meet it soon in the index of
    -- buckets alone, and reads three days of all names for one that is dead.
    c_lookup CONSTANT text := 'SELECT m.bucket, n.name, m.%1$s FROM unnest($1, $2, $3)'
        ' AS n (name, starts, ends) CROSS JOIN LATERAL (SELECT m.bucket, m.%1$s FROM %2$s m'
        ' WHERE m.name = n.name AND m.name BETWEEN n.name AND n.name AND %3$s AND m.bucket >= n.starts AND m.bucket < n.ends'
        ' AND m.bucket >= %4$L AND m.bucket < %5$L ORDER BY m.bucket DESC LIMIT 1) m';
    v_alive timestamptz := now() - interval '3 days';
    v_names text[] := internal.known_names(p_parts, 'name');
    v_found text[];
    v_starts timestamptz[];
    v_ends timestamptz[];
BEGIN
    FOR bucket, name, amount IN EXECUTE
        format(c_lookup, p_column, p_aggregate, p_where, v_alive, 'infinity')
        USING v_names, array_fill(v_alive, ARRAY[cardinality(v_names)]),
            array_fill(timestamptz 'infinity', ARRAY[cardinality(v_names)])
    LOOP
        v_found := array_append(v_found, name);
        RETURN NEXT;
    END LOOP;
    IF cardinality(v_found) = cardinality(v_names) OR v_names = '{}' THEN
        RETURN;
    END IF;

    EXECUTE format(
        'SELECT array_agg(n.name), array_agg(m.bucket), array_agg(m.bucket + m.width)'
        ' FROM unnest($1) AS n (name) CROSS JOIN LATERAL (%s) m WHERE n.name <> ALL ($2)',
        internal.newest_text(p_parts, '', 'name = n.name AND name BETWEEN n.name AND n.name AND ' || p_where))
    INTO v_names, v_starts, v_ends USING v_names, coalesce(v_found, '{}');
    RETURN QUERY EXECUTE format(c_lookup, p_column, p_aggregate, p_where,
            (SELECT min(s) FROM unnest(v_starts) s), (SELECT max(e) FROM unnest(v_ends) e))
        USING v_names, v_starts, v_ends;
END
$$;

REVOKE ALL ON FUNCTION
    internal.newest_text(internal.range_part[], text, text),
    internal.known_names(internal.range_part[], text),
    internal.newest_minutes(text, internal.range_part[], text, text)
FROM PUBLIC;
