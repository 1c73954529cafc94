-- Arguments come from the open internet: what cannot be answered is refused here, before any
-- table is read. SQLSTATE class 22 reaches the caller as HTTP 400, with message, details and hint.

CREATE FUNCTION internal.check_schema(p_allowed text[], p_schema text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_schema IS NULL OR p_schema <> ALL (p_allowed) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown p_schema %s', quote_nullable(left(p_schema, 63))),
            DETAIL = format('This function answers for: %s.', array_to_string(p_allowed, ', ')),
            HINT = format('Set p_schema to %s.', array_to_string(p_allowed, ' or '));
    END IF;
END
$$;
COMMENT ON FUNCTION internal.check_schema(text[], text) IS
    'Raise 22023 unless the schema is one of the allowed ones.';

CREATE FUNCTION internal.check_metric_name(p_metric_name text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_metric_name IS NULL OR p_metric_name = '' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'p_metric_name must name a metric, got ' || quote_nullable(p_metric_name),
            DETAIL = 'Metric names are stored in lower case and are compared exactly.',
            HINT = 'The get_all_latest_..._metrics functions list the names that exist.';
    END IF;
END
$$;
COMMENT ON FUNCTION internal.check_metric_name(text) IS
    'Raise 22023 unless the name is a text of at least one character.';

-- The bodies below that begin with RETURN are bound to their operators when they are created, so no
-- search_path reaches them; a SET clause would do so too, but keep the planner from inlining them.
CREATE FUNCTION internal.interval_months(p_interval interval) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (extract(year FROM p_interval) * 12 + extract(month FROM p_interval))::integer;
COMMENT ON FUNCTION internal.interval_months(interval) IS
    'The calendar part of an interval: its years and months, in months.';

CREATE FUNCTION internal.month_number(p_time timestamptz) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (extract(year FROM p_time AT TIME ZONE 'UTC') * 12
    + extract(month FROM p_time AT TIME ZONE 'UTC') - 24001)::integer;
COMMENT ON FUNCTION internal.month_number(timestamptz) IS
    'The month that holds an instant, in UTC, counted from January 2000 = 0.';

CREATE FUNCTION internal.interval_count(p_interval interval, p_from timestamptz, p_to timestamptz)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- Seconds and months as numerics: the difference of two far timestamps overflows an interval.
RETURN CASE internal.interval_months(p_interval)
    WHEN 0 THEN (extract(epoch FROM p_to AT TIME ZONE 'UTC')
            - extract(epoch FROM p_from AT TIME ZONE 'UTC')) / extract(epoch FROM p_interval)
    ELSE (internal.month_number(p_to) - internal.month_number(p_from))
        / internal.interval_months(p_interval)::numeric
END;
COMMENT ON FUNCTION internal.interval_count(interval, timestamptz, timestamptz) IS
    'How many intervals fit between two instants; whole calendar months for intervals of months.';

REVOKE ALL ON FUNCTION
    internal.check_schema(text[], text),
    internal.check_metric_name(text),
    internal.interval_months(interval),
    internal.month_number(timestamptz),
    internal.interval_count(interval, timestamptz, timestamptz)
FROM PUBLIC;
