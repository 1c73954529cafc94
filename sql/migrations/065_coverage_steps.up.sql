-- The stored hours of each metric, those side by side as one span.
CREATE FUNCTION internal.coverage_spans(p_schema text, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (name text, spans tstzmultirange)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT i.name, range_agg(tstzrange(i.first, i.last + INTERVAL ''1 hour'')) FROM ('
        '   SELECT s.name, min(s.hour) AS first, max(s.hour) AS last FROM ('
        '       SELECT h.name, h.hour, h.hour - INTERVAL ''1 hour'''
        '           * row_number() OVER (PARTITION BY h.name ORDER BY h.hour) AS island'
        '       FROM (%s) AS h (name, hour)'
        '   ) s GROUP BY s.name, s.island'
        ') i GROUP BY i.name', internal.coverage_text(p_schema, p_from, p_to, 'true'));
END
$$;

-- For each metric of a schema, the spans of [p_from, p_to) in which its samples came `step` apart, as
-- the ledger and the live path say, and those of them that a comparison with the source has settled.
-- The ledger knows names and no schemas: rules of one name count as one.
CREATE FUNCTION internal.coverage_steps(p_schema text, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (name text, step interval, spans tstzmultirange, asked tstzmultirange)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH gap AS (
        SELECT lower(split_part(g.record, '#', 1)) AS name,
            range_agg(g.missing) AS missing, range_agg(g.absent) AS absent
        FROM internal.live_gap g
        WHERE g.hour >= p_from - interval '1 hour' AND g.hour < p_to
        GROUP BY 1
    ), watched AS (
        SELECT lower(split_part(c.record, '#', 1)) AS name,
            min(c.owed_from) AS owed_from, min(c.checked_until) AS checked_until
        FROM internal.live_checked c GROUP BY 1
    ), unsettled AS (
        -- Rows that no aggregate shows yet.
        SELECT coalesce(range_agg(tstzrange(a.window_start, a.window_end)), '{}') AS spans
        FROM internal.aggregate_change a
        WHERE a.aggregate = internal.coverage_aggregate(p_schema)
    ), told AS (
        SELECT lower(split_part(e.record, '#', 1)) AS name, e.step,
            range_agg(tstzrange(e.window_start, e.window_end)) AS spans,
            coalesce(range_agg(tstzrange(e.window_start, e.window_end))
                FILTER (WHERE e.verified_at IS NOT NULL), '{}') AS asked
        FROM internal.backfill_ledger e
        WHERE e.window_start < p_to AND e.window_end > p_from
        GROUP BY 1, 2
        UNION ALL
        SELECT l.name, interval '1 minute',
            tstzmultirange(tstzrange(l.starts_at, NULL))
                - coalesce(gap.missing, '{}') - coalesce(gap.absent, '{}'),
            CASE WHEN watched.checked_until > watched.owed_from
                THEN tstzmultirange(tstzrange(watched.owed_from, watched.checked_until))
                    - coalesce(gap.missing, '{}')
                ELSE '{}' END
        FROM internal.live_start l LEFT JOIN gap USING (name) LEFT JOIN watched USING (name)
        WHERE l.schema = p_schema
    )
    SELECT t.name, t.step,
        range_agg(t.spans) * tstzmultirange(tstzrange(p_from, p_to)),
        range_agg(t.asked) * tstzmultirange(tstzrange(p_from, p_to)) - unsettled.spans
    FROM told t, unsettled
    WHERE p_from < p_to
    GROUP BY t.name, t.step, unsettled.spans
$$;

-- A step as rule files write it: 1m, 15m, 1h.
CREATE FUNCTION internal.step_text(p_step interval) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT CASE
    WHEN s.seconds % 86400 = 0 THEN s.seconds / 86400 || 'd'
    WHEN s.seconds % 3600 = 0 THEN s.seconds / 3600 || 'h'
    WHEN s.seconds % 60 = 0 THEN s.seconds / 60 || 'm'
    ELSE s.seconds || 's' END
FROM (SELECT extract(epoch FROM p_step)::bigint) AS s (seconds);
END;

-- The whole hours in each of some spans.
CREATE FUNCTION internal.hours_within(p_spans tstzmultirange) RETURNS tstzmultirange
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT coalesce(range_agg(tstzrange(h.first, h.past)), '{}')
FROM unnest(p_spans) r
CROSS JOIN LATERAL (SELECT
    date_bin('1 hour', lower(r) - interval '1 microsecond', timestamptz '2000-01-03 00:00:00+00')
        + interval '1 hour' AS first,
    date_bin('1 hour', upper(r), timestamptz '2000-01-03 00:00:00+00') AS past) h
WHERE h.first < h.past;
END;

REVOKE ALL ON FUNCTION
    internal.coverage_spans(text, timestamptz, timestamptz),
    internal.coverage_steps(text, timestamptz, timestamptz),
    internal.step_text(interval),
    internal.hours_within(tstzmultirange)
FROM PUBLIC;
