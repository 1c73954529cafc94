-- Hours and days on top of the minutes, so that whoever asks for a year reads thousands of rows and
-- not half a million a series.
CREATE VIEW internal.rollup AS
SELECT * FROM (VALUES
    ('cumsum.all_metrics_hour', 'cumsum.all_metrics_minute', INTERVAL '1 hour'),
    ('cumsum.all_metrics_day', 'cumsum.all_metrics_minute', INTERVAL '1 day'),
    ('internal.cagg_calculated_metric_hour', 'internal.cagg_calculated_metric', INTERVAL '1 hour'),
    ('internal.cagg_calculated_metric_day', 'internal.cagg_calculated_metric', INTERVAL '1 day'),
    ('internal.prometheus_mainnet_1h', 'internal.prometheus_mainnet_1m', INTERVAL '1 hour'),
    ('internal.prometheus_mainnet_1d', 'internal.prometheus_mainnet_1m', INTERVAL '1 day'),
    ('internal.prometheus_testnet_1h', 'internal.prometheus_testnet_1m', INTERVAL '1 hour'),
    ('internal.prometheus_testnet_1d', 'internal.prometheus_testnet_1m', INTERVAL '1 day'),
    ('internal.prometheus_common_1h', 'internal.prometheus_common_1m', INTERVAL '1 hour'),
    ('internal.prometheus_common_1d', 'internal.prometheus_common_1m', INTERVAL '1 day'),
    ('geo.latest_coords_day', 'geo.latest_coords', INTERVAL '1 day')
) AS known (rollup, aggregate, width);

COMMENT ON VIEW internal.rollup IS
    'coarser aggregates: of which minutes, how wide; days are made of hours where there are some';

CREATE TABLE geo.latest_coords_day (
    bucket       timestamptz NOT NULL,
    instance     text,
    latitude     numeric,
    longitude    numeric,
    country_name text,
    city         text,
    -- A series without the label has a position too.
    CONSTRAINT latest_coords_day_key UNIQUE NULLS NOT DISTINCT (bucket, instance)
);

CREATE INDEX idx_geo_latest_coords_day_instance_bucket
ON geo.latest_coords_day (instance, bucket DESC);

-- Each roll-up has a function beside it: what the rows below [p_from, p_to) say. No SET: the body is
-- bound when it is created, and the planner can inline it.
-- The last of each that is known. Seconds since the epoch sort as text, in "C", from 2001 to 2286:
-- ten digits each.
CREATE FUNCTION geo.latest_coords_day_rows(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (
    bucket timestamptz, instance text, latitude numeric, longitude numeric,
    country_name text, city text
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT
    date_bin(INTERVAL '1 day', r.bucket, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS bucket,
    r.instance,
    (max(ARRAY[extract(epoch FROM r.bucket AT TIME ZONE 'UTC'), r.latitude])
        FILTER (WHERE r.latitude IS NOT NULL))[2] AS latitude,
    (max(ARRAY[extract(epoch FROM r.bucket AT TIME ZONE 'UTC'), r.longitude])
        FILTER (WHERE r.longitude IS NOT NULL))[2] AS longitude,
    (max(ARRAY[extract(epoch FROM r.bucket AT TIME ZONE 'UTC')::text, r.country_name] COLLATE "C")
        FILTER (WHERE r.country_name IS NOT NULL))[2] AS country_name,
    (max(ARRAY[extract(epoch FROM r.bucket AT TIME ZONE 'UTC')::text, r.city] COLLATE "C")
        FILTER (WHERE r.city IS NOT NULL))[2] AS city
FROM geo.latest_coords r
WHERE r.bucket >= p_from AND r.bucket < p_to
GROUP BY 1, 2;
END;

REVOKE EXECUTE ON FUNCTION geo.latest_coords_day_rows(timestamptz, timestamptz) FROM PUBLIC;

DO $create$
DECLARE
    made record;
    keys text;
    columns text; -- with their types
BEGIN
    FOR made IN
        -- Each after what it reads.
        SELECT r.rollup, r.width,
            CASE
                WHEN r.width > INTERVAL '1 hour'
                THEN lag(r.rollup) OVER (PARTITION BY r.aggregate ORDER BY r.width)
                ELSE coalesce(to_regclass(r.aggregate || '_stored')::text, r.aggregate)
            END AS parent,
            r.rollup NOT LIKE 'internal.prometheus%' AS has_schema,
            CASE WHEN r.rollup LIKE 'cumsum.%' THEN 'sum_value' ELSE 'value' END AS held,
            CASE WHEN r.rollup LIKE 'cumsum.%' THEN 'sum' ELSE 'max' END AS aggregated
        FROM internal.rollup r WHERE r.rollup <> 'geo.latest_coords_day'
        ORDER BY r.aggregate, r.width
    LOOP
        keys := 'name' || CASE WHEN made.has_schema THEN ', schema' ELSE '' END;
        columns := format('bucket timestamptz, %s text, %s numeric',
            replace(keys, ',', ' text,'), made.held);
        EXECUTE format('CREATE TABLE %s (%s, PRIMARY KEY (bucket, %s))',
            made.rollup, columns, keys);
        -- The value too: a year of hours of five metrics reads 360 of its pages, not 4,200 of rows.
        EXECUTE format('CREATE INDEX idx_%s_%s_bucket ON %s (%s, bucket DESC) INCLUDE (%s)',
            replace(replace(made.rollup, 'internal.', ''), '.', '_'),
            replace(keys, ', ', '_'), made.rollup, keys, made.held);
        EXECUTE format(
            'CREATE FUNCTION %1$s_rows(p_from timestamptz, p_to timestamptz)'
            ' RETURNS TABLE (%2$s) LANGUAGE sql STABLE PARALLEL SAFE BEGIN ATOMIC'
            ' SELECT date_bin(INTERVAL %3$L, bucket, TIMESTAMPTZ %8$L) AS bucket, %4$s,'
            ' %5$s(%6$s) AS %6$s FROM %7$s WHERE bucket >= p_from AND bucket < p_to'
            ' GROUP BY 1, %4$s; END',
            made.rollup, columns, made.width, keys, made.aggregated, made.held, made.parent,
            '2000-01-01 00:00:00+00');
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s_rows FROM PUBLIC', made.rollup);
    END LOOP;
END
$create$;

-- The whole buckets of a width that touch any of the spans; days have 24 hours in any time zone.
CREATE FUNCTION internal.whole_buckets(p_spans tstzmultirange, p_width interval)
RETURNS tstzmultirange
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT coalesce(range_agg(tstzrange(
    date_bin(p_width, lower(span), TIMESTAMPTZ '2000-01-01 00:00:00+00'),
    -- The end of a span is exclusive.
    date_bin(p_width, upper(span) - INTERVAL '1 microsecond', TIMESTAMPTZ '2000-01-01 00:00:00+00')
        + make_interval(secs => extract(epoch FROM p_width)::double precision))), '{}')
FROM unnest(p_spans) AS span;
END;

REVOKE EXECUTE ON FUNCTION internal.whole_buckets(tstzmultirange, interval) FROM PUBLIC;
