DROP MATERIALIZED VIEW geo.latest_coords_day;
DROP MATERIALIZED VIEW internal.prometheus_common_1d;
DROP MATERIALIZED VIEW internal.prometheus_common_1h;
DROP MATERIALIZED VIEW internal.prometheus_testnet_1d;
DROP MATERIALIZED VIEW internal.prometheus_testnet_1h;
DROP MATERIALIZED VIEW internal.prometheus_mainnet_1d;
DROP MATERIALIZED VIEW internal.prometheus_mainnet_1h;
DROP MATERIALIZED VIEW internal.cagg_calculated_metric_day;
DROP MATERIALIZED VIEW internal.cagg_calculated_metric_hour;
DROP MATERIALIZED VIEW cumsum.all_metrics_day;
DROP MATERIALIZED VIEW cumsum.all_metrics_hour;
DROP VIEW internal.rollup;

CREATE OR REPLACE FUNCTION internal.refresh_floor(p_aggregate text) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fed_by text;
    oldest timestamptz;
BEGIN
    SELECT s.source INTO fed_by FROM internal.aggregate_source s WHERE s.aggregate = p_aggregate;
    IF fed_by IS NULL THEN
        RAISE EXCEPTION 'no aggregate is named %', p_aggregate
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'the view internal.aggregate_source lists them';
    END IF;

    SELECT min(c.range_start) INTO oldest
    FROM timescaledb_information.chunks c
    WHERE c.hypertable_schema = fed_by AND c.hypertable_name = 'prometheus_remote_write';
    oldest := coalesce(oldest, 'infinity');

    IF fed_by = 'internal' THEN
        -- Retention may drop these at any moment.
        oldest := greatest(
            oldest, date_trunc('minute', now() - INTERVAL '1 year') + INTERVAL '1 minute');
    END IF;
    RETURN oldest;
END
$$;
