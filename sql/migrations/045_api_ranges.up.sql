-- A range is read from days, hours and minutes: of each the most that the intervals of the answer
-- and the state of the roll-ups allow, so that an answer reads about as many rows as it has.

-- The whole buckets of a width in [p_from, p_to). Days begin at midnight UTC, as all of them do.
CREATE FUNCTION internal.buckets_within(
    p_width interval, p_from timestamptz, p_to timestamptz
) RETURNS tstzmultirange
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_origin CONSTANT timestamptz := '2000-01-03 00:00:00+00';
    -- date_bin fails near the ends of time; no sample is from there.
    c_latest CONSTANT timestamptz := '9999-01-01 00:00:00+00';
    v_from timestamptz := date_bin(p_width, least(p_from, c_latest), c_origin);
    v_to timestamptz := date_bin(p_width, least(p_to, c_latest), c_origin);
BEGIN
    IF v_from < p_from THEN
        -- A day of 24 hours, whatever the session's time zone does that night.
        v_from := v_from + make_interval(secs => extract(epoch FROM p_width)::double precision);
    END IF;
    -- What follows the last midnight is infinite.
    v_to := CASE WHEN p_to = 'infinity' THEN p_to ELSE v_to END;
    RETURN CASE WHEN v_from < v_to THEN tstzmultirange(tstzrange(v_from, v_to)) ELSE '{}' END;
END
$$;

-- Splits [p_from, p_to) by where its rows are to be read: p_days and p_hours are the buckets that
-- the roll-ups have. A roll-up's bucket is taken whole and only where it lies in one interval of
-- the answer; without an interval all of the range is one.
CREATE FUNCTION internal.split_range(
    p_interval interval, p_from timestamptz, p_to timestamptz,
    p_days tstzmultirange, p_hours tstzmultirange,
    OUT days tstzmultirange, OUT hours tstzmultirange, OUT minutes tstzmultirange
)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_seconds numeric := extract(epoch FROM p_interval);
    v_of_days boolean := coalesce(
        internal.interval_months(p_interval) <> 0 OR v_seconds % 86400 = 0, true);
BEGIN
    days := '{}';
    hours := '{}';
    minutes := tstzmultirange(tstzrange(p_from, p_to));
    IF v_of_days THEN
        days := p_days * internal.buckets_within('1 day', p_from, p_to);
        minutes := minutes - days;
    END IF;
    IF v_of_days OR v_seconds % 3600 = 0 THEN
        hours := minutes * p_hours * internal.buckets_within('1 hour', p_from, p_to);
        minutes := minutes - hours;
    END IF;
END
$$;

CREATE TYPE internal.range_part AS (relation text, width interval, ranges tstzmultirange);

-- Which relations hold which ranges of an aggregate's [p_from, p_to), as of now.
CREATE FUNCTION internal.range_parts(
    p_aggregate text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS internal.range_part[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_all CONSTANT tstzmultirange := '{(,)}';
    -- No sample is older. What TimescaleDB has materialized starts 4,700 years before, so that all of
    -- the past would leave a rest to be read by the minute.
    c_first CONSTANT timestamptz := '0001-01-01 00:00:00+00';
    v_day text := (SELECT r.rollup FROM internal.rollup r
        WHERE r.aggregate = p_aggregate AND r.width = interval '1 day');
    v_hour text := (SELECT r.rollup FROM internal.rollup r
        WHERE r.aggregate = p_aggregate AND r.width = interval '1 hour');
    v_days tstzmultirange := '{}';
    v_hours tstzmultirange := '{}';
    v_split record;
BEGIN
    p_from := greatest(p_from, c_first);
    p_to := greatest(p_to, c_first + interval '1 minute');
    -- Asking how far a roll-up is costs as much as reading a month of days: only if it is of use.
    v_split := internal.split_range(p_interval, p_from, p_to, c_all, c_all);
    IF v_day IS NOT NULL AND NOT isempty(v_split.days) THEN
        v_days := internal.rolled_up(v_day);
    END IF;
    v_split := internal.split_range(p_interval, p_from, p_to, v_days, c_all);
    IF v_hour IS NOT NULL AND NOT isempty(v_split.hours) THEN
        v_hours := internal.rolled_up(v_hour);
    END IF;
    v_split := internal.split_range(p_interval, p_from, p_to, v_days, v_hours);
    RETURN ARRAY(
        SELECT p FROM (VALUES
            (v_day, interval '1 day', v_split.days),
            (v_hour, interval '1 hour', v_split.hours),
            (p_aggregate, interval '1 minute', v_split.minutes)
        ) AS p (relation, width, ranges)
        WHERE NOT isempty(p.ranges));
END
$$;

REVOKE ALL ON FUNCTION
    internal.buckets_within(interval, timestamptz, timestamptz),
    internal.split_range(interval, timestamptz, timestamptz, tstzmultirange, tstzmultirange),
    internal.range_parts(text, interval, timestamptz, timestamptz)
FROM PUBLIC;
