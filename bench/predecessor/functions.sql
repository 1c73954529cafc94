-- The old functions that the benchmarks call: each scans or sums the whole history of its metrics.

-- A metric from the raw rows, each joined with its tags.
CREATE FUNCTION api.get_agg_metric(
    p_metric_name text, p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS TABLE ("timestamp" timestamptz, "value" text)
LANGUAGE sql STABLE STRICT SECURITY DEFINER
SET search_path = internal, public
AS $$
    SELECT
        date_bin(p_interval, r.time, timestamptz '2000-01-03 00:00:00+00') AS start,
        coalesce(
            max(t.supply::numeric), max(t.excluded_supply::numeric), max(t.amount::numeric),
            max(r.value)
        )::text
    FROM internal.prometheus_remote_write r
    JOIN internal.prometheus_remote_write_tag t ON t.tag_id = r.tag_id
    WHERE r.name = p_metric_name AND r.schema = p_schema AND r.time >= p_from AND r.time < p_to
    GROUP BY 1
    ORDER BY 1 DESC
$$;

-- Everything before the range is summed by the minute at each call.
CREATE FUNCTION api.get_agg_cumsum_metric(
    p_metric_name text, p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS TABLE ("timestamp" timestamptz, "value" text)
LANGUAGE sql STABLE STRICT SECURITY DEFINER
SET search_path = internal, public
AS $$
    WITH base AS (
        SELECT coalesce(sum(m.sum_value), 0) AS total
        FROM cumsum.all_metrics_minute m
        WHERE m.name = p_metric_name AND m.schema = p_schema AND m.bucket < p_from
    ), steps AS (
        SELECT date_bin(p_interval, m.bucket, timestamptz '2000-01-03 00:00:00+00') AS start,
            sum(m.sum_value) AS increase
        FROM cumsum.all_metrics_minute m
        WHERE m.name = p_metric_name AND m.schema = p_schema
            AND m.bucket >= p_from AND m.bucket < p_to
        GROUP BY 1
    )
    SELECT s.start, (base.total + sum(s.increase) OVER (ORDER BY s.start))::text
    FROM steps s CROSS JOIN base
    ORDER BY 1
$$;

-- Five series of minutes, each grouped and then joined.
CREATE FUNCTION internal.largest(
    p_metric_name text, p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS TABLE (start timestamptz, amount numeric)
LANGUAGE sql STABLE
AS $$
    SELECT date_bin(p_interval, c.bucket, timestamptz '2000-01-03 00:00:00+00'), max(c.value)
    FROM internal.cagg_calculated_metric c
    WHERE c.name = p_metric_name AND c.schema = p_schema AND c.bucket >= p_from AND c.bucket < p_to
    GROUP BY 1
$$;

CREATE FUNCTION api.get_agg_market_cap(
    p_schema text, p_interval interval, p_from timestamptz, p_to timestamptz
) RETURNS TABLE ("timestamp" timestamptz, "value" text)
LANGUAGE sql STABLE STRICT SECURITY DEFINER
SET search_path = internal, public
AS $$
    SELECT t.start,
        ((t.amount - coalesce(x.amount, 0) - coalesce(k.amount, 0) - coalesce(f.amount, 0))
            * coalesce(c.amount, 0))::text
    FROM internal.largest(
        'manifest_tokenomics_total_supply', p_schema, p_interval, p_from, p_to) t
    LEFT JOIN internal.largest(
        'manifest_tokenomics_excluded_supply', p_schema, p_interval, p_from, p_to) x USING (start)
    LEFT JOIN internal.largest(
        'locked_tokens', p_schema, p_interval, p_from, p_to) k USING (start)
    LEFT JOIN internal.largest(
        'locked_fees', p_schema, p_interval, p_from, p_to) f USING (start)
    LEFT JOIN internal.largest(
        'talib_mfx_power_conversion', 'common', p_interval, p_from, p_to) c USING (start)
    ORDER BY 1
$$;
