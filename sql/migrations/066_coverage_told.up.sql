-- What bookkeeping tells of each metric in each interval that begins at one of p_starts: how many hours
-- are owed, for how many of them the source was asked, and how far samples are apart. `unasked` are the
-- other hours where the source was asked for some.
CREATE FUNCTION internal.coverage_told(
    p_schema text, p_names text[], p_interval interval, p_starts timestamptz[],
    p_first timestamptz, p_owed timestamptz, p_past timestamptz
) RETURNS TABLE (
    names text[], start timestamptz, hours integer, asked bigint, resolution text,
    unasked tstzmultirange
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
-- Months begin at midnight UTC, whatever the caller's session is set to.
SET TimeZone = 'UTC'
AS $$
    WITH bucket AS MATERIALIZED (
        SELECT b.start,
            tstzrange(greatest(b.start, p_first), least(b.start + p_interval, p_past)) AS span,
            CASE WHEN p_owed < least(b.start + p_interval, p_past)
                THEN tstzrange(greatest(b.start, p_owed), least(b.start + p_interval, p_past))
                ELSE 'empty' END AS owed
        FROM unnest(p_starts) AS b (start)
    ), step AS (
        -- Where samples of several steps came, the finest counts.
        SELECT s.name, s.step, s.asked, s.spans - coalesce(range_agg(s.spans) OVER (
            PARTITION BY s.name ORDER BY s.step
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), '{}') AS own
        FROM internal.coverage_steps(p_schema, p_first, p_past) s
    ), metric AS (
        -- Metrics of one group are asked for together, so that few differ.
        SELECT array_agg(k.name) AS names, k.steps, k.owns, k.asked
        FROM (
            SELECT n.name,
                array_agg(s.step ORDER BY s.step) AS steps,
                array_agg(s.own ORDER BY s.step) AS owns,
                internal.hours_within(coalesce(range_agg(s.asked), '{}')) AS asked
            FROM unnest(p_names) AS n (name) LEFT JOIN step s USING (name)
            GROUP BY n.name
        ) k
        GROUP BY k.steps, k.owns, k.asked
    )
    SELECT w.names, w.start, w.hours, a.hours, o.resolution,
        CASE WHEN a.hours > 0 THEN w.unasked ELSE '{}' END
    FROM (
        SELECT m.names, m.steps, m.owns, b.start, b.span,
            coalesce(extract(epoch FROM upper(b.owed) - lower(b.owed)) / 3600, 0)::integer AS hours,
            tstzmultirange(b.owed) - m.asked AS unasked,
            tstzmultirange(b.owed) * m.asked AS asked_spans
        FROM metric m CROSS JOIN bucket b
    ) w
    CROSS JOIN LATERAL (
        SELECT coalesce(sum((extract(epoch FROM upper(r) - lower(r)) / 3600)::integer), 0) AS hours
        FROM unnest(w.asked_spans) r
    ) a
    CROSS JOIN LATERAL (
        SELECT internal.step_text(max(e.step)) AS resolution
        FROM unnest(w.steps, w.owns) AS e (step, own) WHERE e.own && w.span
    ) o
$$;

REVOKE ALL ON FUNCTION internal.coverage_told(
    text, text[], interval, timestamptz[], timestamptz, timestamptz, timestamptz)
FROM PUBLIC;
