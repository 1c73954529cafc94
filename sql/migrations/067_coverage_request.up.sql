-- Coverage is asked for as a series is, but of any schema, and by whole hours.
CREATE FUNCTION internal.check_coverage_request(
    p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM internal.check_series_request(
        ARRAY['mainnet', 'testnet', 'common', 'cumsum', 'geo'],
        p_schema, p_interval, p_from, p_to);
    IF internal.interval_months(p_interval) = 0 AND extract(epoch FROM p_interval) % 3600 <> 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('p_interval must be whole hours, got %L', p_interval),
            DETAIL = 'What is stored is told by the hour.',
            HINT = 'Use a length such as 1 hour, 6 hours, 1 day, 7 days or 1 month.';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION
    internal.check_coverage_request(text, interval, timestamptz, timestamptz)
FROM PUBLIC;
