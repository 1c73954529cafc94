CREATE FUNCTION api.get_coverage(
    p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS TABLE (
    "timestamp" timestamptz, name text, resolution text,
    hours integer, stored integer, absent integer, missing integer, missing_minutes integer
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Months begin at midnight UTC, whatever the caller's session is set to.
SET TimeZone = 'UTC'
SET DateStyle = 'ISO, YMD'
SET IntervalStyle = 'postgres'
SET jit = off
SET max_parallel_workers_per_gather = 0
-- By hash: no loop over all pairs, and no sorting of names.
SET enable_nestloop = off
SET enable_mergejoin = off
AS $$
DECLARE
    c_most_rows CONSTANT integer := 11000;
    -- A search among the starts: to divide each hour's month costs four times as much.
    c_months CONSTANT text := '($3)[width_bucket(h.hour, $3)]';
    v_range record;
    v_names text[];
    v_starts timestamptz[];
BEGIN
    PERFORM internal.check_coverage_request(p_schema, p_interval, p_from, p_to);
    v_range := internal.coverage_range(p_schema, p_from, p_to);
    IF v_range.first >= v_range.past THEN
        RETURN;
    END IF;
    v_names := internal.coverage_names(p_schema);
    v_starts := ARRAY(SELECT generate_series(
        internal.bucket_start(p_interval, v_range.first),
        v_range.past - interval '1 microsecond', p_interval));
    IF cardinality(v_names) * cardinality(v_starts) > c_most_rows THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('an answer may have at most %s rows, got %s intervals of %s metrics',
                c_most_rows, cardinality(v_starts), cardinality(v_names)),
            DETAIL = 'It has a row for each metric and interval.',
            HINT = 'Use a longer p_interval or a shorter range, or ask for the range in parts.';
    END IF;

    RETURN QUERY EXECUTE format($query$
        WITH told AS MATERIALIZED (
            SELECT n.name, t.start, t.hours, t.asked, t.resolution, t.unasked
            FROM internal.coverage_told($7, $1, $2, $3, $4, $5, $6) t
            CROSS JOIN unnest(t.names) AS n (name)
        ), counted AS MATERIALIZED (
            SELECT h.name, %3$s AS start,
                count(*) AS hours, count(*) FILTER (WHERE h.hour >= $5) AS owed
            FROM (%1$s) AS h (name, hour)
            GROUP BY 1, 2
        ), looked_into AS (
            -- A subquery is not made a join with all hours.
            SELECT x.name, x.start,
                sum((SELECT count(*) FROM (%2$s) AS h (name, hour) WHERE h.name = x.name)) AS hours
            FROM (
                SELECT t.name, t.start, lower(r) AS first, upper(r) AS past
                FROM told t CROSS JOIN unnest(t.unasked) r
            ) x
            GROUP BY 1, 2
        ), gap AS (
            -- A minute that several rules of one name lack counts once.
            SELECT k.name, k.start, sum(extract(epoch FROM upper(r) - lower(r)) / 60) AS minutes
            FROM (
                SELECT lower(split_part(g.record, '#', 1)) AS name,
                    internal.bucket_start($2, g.hour) AS start, range_agg(g.missing) AS missing
                FROM internal.live_gap g
                WHERE g.hour >= $4 AND g.hour < $6
                GROUP BY 1, 2
            ) k CROSS JOIN unnest(k.missing) r
            GROUP BY 1, 2
        ), judged AS (
            SELECT t.start, t.name, t.hours, coalesce(c.hours, 0) AS stored,
                CASE WHEN c.hours > 0 THEN t.resolution END AS resolution,
                t.hours - coalesce(c.owed, 0) AS lacking,
                t.hours - t.asked - CASE
                    WHEN t.asked = 0 THEN coalesce(c.owed, 0)
                    ELSE coalesce(l.hours, 0) END AS missing,
                coalesce(g.minutes, 0) AS minutes
            FROM told t
            LEFT JOIN counted c USING (name, start)
            LEFT JOIN looked_into l USING (name, start)
            LEFT JOIN gap g USING (name, start)
        )
        SELECT greatest(j.start, $8), j.name, j.resolution, j.hours::integer, j.stored::integer,
            (j.lacking - j.missing)::integer, j.missing::integer, j.minutes::integer
        FROM judged j
        WHERE j.hours > 0 OR j.stored > 0
        ORDER BY j.start, j.name COLLATE "C"
    $query$,
        internal.coverage_text(p_schema, v_range.first, v_range.past, 'true'),
        internal.coverage_text(p_schema, v_range.first, v_range.past,
            CASE WHEN p_schema <> 'geo' THEN 'name = x.name AND ' ELSE '' END
            || 'bucket >= x.first AND bucket < x.past'),
        CASE WHEN internal.interval_months(p_interval) <> 0 THEN c_months
            ELSE 'internal.bucket_start($2, h.hour)' END)
    USING v_names, p_interval, v_starts, v_range.first, v_range.owed, v_range.past, p_schema,
        p_from;
END
$$;
COMMENT ON FUNCTION api.get_coverage(text, interval, timestamptz, timestamptz) IS
    E'What is stored of each metric and what is not, hour by hour added up, oldest first.\n\n'
    'p_schema: mainnet, testnet, common, cumsum or geo. p_interval: whole hours or months. p_from is '
    'inclusive, p_to exclusive; an hour belongs where it begins, and the present one is not told. '
    'One row for each metric and interval, at most 11,000. resolution is how far apart samples '
    'are, the coarsest in the interval; null where nothing is stored or nobody noted it. hours '
    'should be stored: gauges for 365 days. stored are those with a sample (beyond 365 days too), '
    'absent those for which the source was asked and had nothing, missing all others. What the '
    'source has of them this database cannot know. missing_minutes are minutes of live data that '
    'the source has, noted by rule. p_from and p_to choose what is told of the time before '
    'anything was stored.';

REVOKE ALL ON FUNCTION api.get_coverage(text, interval, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION api.get_coverage(text, interval, timestamptz, timestamptz) TO web_anon;

NOTIFY pgrst, 'reload schema';
