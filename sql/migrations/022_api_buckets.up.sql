-- One text for both engines, as plain PostgreSQL has no time_bucket. The origins are time_bucket's
-- own, so that both give the same buckets: a Monday for weeks, a first of January for months.
CREATE FUNCTION internal.bucket_start(p_interval interval, p_time timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    -- date_bin takes every interval without months, and refuses a mixed one with an error.
    WHEN p_interval < interval '28 days'
        OR internal.interval_months(p_interval) = 0
        OR p_interval <> make_interval(months => internal.interval_months(p_interval))
    THEN date_bin(p_interval, p_time, timestamptz '2000-01-03 00:00:00+00')
    ELSE (
        timestamp '2000-01-01 00:00:00' + make_interval(months => (
            floor(internal.month_number(p_time)::numeric / internal.interval_months(p_interval))
            * internal.interval_months(p_interval)
        )::integer)
    ) AT TIME ZONE 'UTC'
END;
COMMENT ON FUNCTION internal.bucket_start(interval, timestamptz) IS
    'Start of the interval that holds an instant, in UTC whatever the session says; counted from '
    '2000-01-03 for days and shorter, from 2000-01-01 for months.';

CREATE FUNCTION internal.plain_text(p_value numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN trim_scale(p_value)::text;
COMMENT ON FUNCTION internal.plain_text(numeric) IS
    'Every digit of a number as text, without exponent and without trailing zeros after the point.';

REVOKE ALL ON FUNCTION
    internal.bucket_start(interval, timestamptz),
    internal.plain_text(numeric)
FROM PUBLIC;
