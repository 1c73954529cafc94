-- A history of the aggregates, put directly into what stores them; only the newest hours come as raw
-- rows and go through a refresh. Values are a fixed function of metric and minute.
CREATE SCHEMA bench;

CREATE TABLE bench.series AS
SELECT row_number() OVER ()::integer AS number, s.*,
    -- Those that the old functions are asked for.
    s.name IN ('web_requests', 'metric_101', 'talib_mfx_power_conversion')
        AND s.schema IN ('cumsum', 'mainnet', 'common')
        OR s.aggregate = 'internal.cagg_calculated_metric' AND s.schema = 'mainnet' AS compared
FROM (
    SELECT 'cumsum.all_metrics_minute' AS aggregate, m.name, 'cumsum' AS schema,
        0::numeric AS base, 0.01 AS unit, false AS dead
    FROM unnest(ARRAY['web_requests', 'decentralized_web_requests', 'system_tcp_sent',
        'system_tcp_received', 'system_network_sent', 'system_network_received']) AS m (name)
    UNION ALL
    SELECT 'internal.cagg_calculated_metric', m.name, t.schema, m.base, 1000003, false
    FROM (VALUES
        ('manifest_tokenomics_total_supply', 123427004070058399997),
        ('manifest_tokenomics_excluded_supply', 122999999987062065852),
        ('locked_tokens', 12000002), ('locked_fees', 134244017),
        ('total_mfx_burned', 135304300855652060000)
    ) AS m (name, base)
    CROSS JOIN (VALUES ('mainnet'), ('testnet')) AS t (schema)
    UNION ALL
    SELECT 'internal.cagg_calculated_metric', 'talib_mfx_power_conversion', 'common', 0.3,
        0.0000001, false
    UNION ALL
    SELECT format('internal.prometheus_%s_1m', t.schema), 'metric_' || m, t.schema, m, 0.001, m > 110
    FROM generate_series(101, 112) AS m
    CROSS JOIN (VALUES ('mainnet'), ('testnet'), ('common')) AS t (schema)
    UNION ALL
    -- Every second instance tells no city.
    SELECT 'geo.latest_coords', format('node-%s:443', m), 'geo', m, 0, false
    FROM generate_series(1, 20) AS m
) s;

CREATE FUNCTION bench.amount(p bench.series, p_time timestamptz) RETURNS numeric
LANGUAGE sql STABLE
RETURN (p).base + (((extract(epoch FROM p_time))::bigint / 60 * 7919 + (p).number * 104729)
    % 1000003) * (p).unit;

-- Where an aggregate keeps its rows, on either engine.
CREATE FUNCTION bench.store(p_aggregate text) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_store text;
BEGIN
    IF to_regclass('_timescaledb_catalog.continuous_agg') IS NULL THEN
        RETURN coalesce(to_regclass(p_aggregate || '_stored'), to_regclass(p_aggregate));
    END IF;
    EXECUTE 'SELECT format(''%I.%I'', a.materialization_hypertable_schema,'
        ' a.materialization_hypertable_name) FROM timescaledb_information.continuous_aggregates a'
        ' WHERE a.view_schema || ''.'' || a.view_name = $1'
    INTO v_store USING p_aggregate;
    RETURN v_store;
END
$$;

CREATE PROCEDURE bench.fill(
    p_aggregate text, p_compared boolean, p_from timestamptz, p_to timestamptz, p_step interval
)
LANGUAGE plpgsql
AS $$
DECLARE
    v_series text := format(
        'FROM generate_series(%L::timestamptz, %L::timestamptz - %L::interval, %L) AS t'
        ' CROSS JOIN bench.series s WHERE s.aggregate = %L AND s.compared = %L'
        ' AND (NOT s.dead OR t < now() - INTERVAL ''30 days'')',
        p_from, p_to, p_step, p_step, p_aggregate, p_compared);
BEGIN
    EXECUTE format('INSERT INTO %s %s %s', bench.store(p_aggregate),
        CASE
            WHEN p_aggregate LIKE 'geo.%' THEN
                'SELECT t, s.name, s.base, s.base / 7, ''Country '' || s.number % 5,'
                ' CASE WHEN s.number % 2 = 0 THEN ''City '' || s.number END'
            WHEN p_aggregate LIKE 'internal.prometheus%' THEN
                'SELECT t, s.name, bench.amount(s, t)'
            ELSE 'SELECT t, s.name, s.schema, bench.amount(s, t)'
        END, v_series);
END
$$;

-- Raw rows of [p_from, p_to): of positions a latitude and a longitude with their labels.
CREATE PROCEDURE bench.fill_raw(p_from timestamptz, p_to timestamptz)
LANGUAGE sql
AS $$
    INSERT INTO internal.prometheus_remote_write_tag (tag_id, instance, country_name, city)
    SELECT s.number, s.name, 'Country ' || s.number % 5,
        CASE WHEN s.number % 2 = 0 THEN 'City ' || s.number END
    FROM bench.series s;
    INSERT INTO cumsum.prometheus_remote_write
    SELECT t, s.number, s.name, s.schema, bench.amount(s, t)
    FROM generate_series(p_from, p_to - interval '1 minute', interval '1 minute') AS t
    CROSS JOIN bench.series s WHERE s.schema = 'cumsum';
    INSERT INTO internal.prometheus_remote_write
    SELECT t, s.number, coalesce(g.name, s.name), s.schema, bench.amount(s, t)
    FROM generate_series(p_from, p_to - interval '1 minute', interval '1 minute') AS t
    CROSS JOIN bench.series s
    LEFT JOIN (VALUES ('geo', 'manifest_geo_latitude'), ('geo', 'manifest_geo_longitude'))
        AS g (schema, name) USING (schema)
    WHERE s.schema <> 'cumsum' AND NOT s.dead;
$$;

-- The seconds of one call, all of its rows counted: without a client, its driver and the network.
CREATE FUNCTION bench.seconds_of(p_call text) RETURNS double precision
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_began timestamptz := clock_timestamp();
BEGIN
    EXECUTE 'SELECT count(*) FROM ' || p_call;
    RETURN extract(epoch FROM clock_timestamp() - v_began);
END
$$;
