CREATE FUNCTION internal.check_series_request(
    p_allowed text[], p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- The texts below quote times: they read the same whatever the caller's session is set to.
SET TimeZone = 'UTC'
SET DateStyle = 'ISO, YMD'
SET IntervalStyle = 'postgres'
AS $$
DECLARE
    c_most_rows CONSTANT integer := 11000;
    c_longest CONSTANT interval := '1000 years';
    v_count numeric;
BEGIN
    PERFORM internal.check_schema(p_allowed, p_schema);

    IF p_interval IS NULL OR p_from IS NULL OR p_to IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('p_interval, p_from and p_to must be given, got %s, %s and %s',
                quote_nullable(p_interval), quote_nullable(p_from), quote_nullable(p_to)),
            DETAIL = 'A series covers the times from p_from (inclusive) to p_to (exclusive).',
            HINT = 'Give all three, for example p_interval=1 hour, p_from=2026-11-01T00:00:00Z,'
                ' p_to=2026-11-02T00:00:00Z.';
    END IF;

    IF NOT isfinite(p_from) OR NOT isfinite(p_to) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('p_from and p_to must be finite, got %L and %L', p_from, p_to),
            DETAIL = 'A series covers the times from p_from (inclusive) to p_to (exclusive).',
            HINT = 'Give the first and the last instant of interest instead of infinity.';
    END IF;

    IF p_from >= p_to THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('p_from must be before p_to, got %L and %L', p_from, p_to),
            DETAIL = 'p_from is inclusive, p_to is exclusive: this range is empty.',
            HINT = 'Swap the two, or move p_to later.';
    END IF;

    IF NOT isfinite(p_interval) OR p_interval <= interval '0' OR p_interval > c_longest THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format(
                'p_interval must be longer than 0 and at most %s, got %L', c_longest, p_interval),
            DETAIL = 'Each row of a series stands for one interval of that length.',
            HINT = 'Use a length such as 1 minute, 15 minutes, 1 hour, 1 day or 1 month.';
    END IF;

    IF internal.interval_months(p_interval) <> 0
        AND p_interval <> make_interval(months => internal.interval_months(p_interval))
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('p_interval mixes months with shorter units, got %L', p_interval),
            DETAIL = 'Months differ in length, so such intervals do not tile the time line.',
            HINT = 'Use whole months or years, or days and shorter units.';
    END IF;

    v_count := internal.interval_count(p_interval, p_from, p_to);
    IF v_count > c_most_rows THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format(
                'a series may have at most %s intervals, got %s of %L between %L and %L',
                c_most_rows, ceil(v_count), p_interval, p_from, p_to),
            DETAIL = 'The limit keeps one request from occupying the database.',
            HINT = 'Use a longer p_interval or a shorter range, or ask for the range in parts.';
    END IF;
END
$$;
COMMENT ON FUNCTION internal.check_series_request(
    text[], text, interval, timestamptz, timestamptz) IS
    'Raise 22023 unless a series can be answered: known schema, finite p_from before p_to, one '
    'plain interval, at most 11,000 intervals.';

REVOKE ALL ON FUNCTION
    internal.check_series_request(text[], text, interval, timestamptz, timestamptz)
FROM PUBLIC;
