-- The same minutes for the old functions, which read raw rows of a metric and minutes of the others.
CREATE PROCEDURE bench.fill_predecessor(p_from timestamptz, p_to timestamptz, p_step interval)
LANGUAGE plpgsql
AS $$
DECLARE
    v_times text := format('generate_series(%L::timestamptz, %L::timestamptz - %L::interval, %L) t',
        p_from, p_to, p_step, p_step);
BEGIN
    CALL bench.fill('cumsum.all_metrics_minute', true, p_from, p_to, p_step);
    CALL bench.fill('internal.cagg_calculated_metric', true, p_from, p_to, p_step);
    INSERT INTO internal.prometheus_remote_write_tag (tag_id)
    SELECT s.number FROM bench.series s ON CONFLICT DO NOTHING;
    EXECUTE format(
        'INSERT INTO internal.prometheus_remote_write'
        ' SELECT t, s.number, s.name, s.schema, bench.amount(s, t) FROM %s CROSS JOIN bench.series s'
        ' WHERE s.aggregate = ''internal.prometheus_mainnet_1m'' AND s.name = ''metric_101''',
        v_times);
    -- One row behind the range, for a refresh to find: only that moves the watermark, below which a
    -- real-time aggregate shows what it stores.
    INSERT INTO internal.prometheus_remote_write
    SELECT p_to, s.number, s.name, s.schema, 1 FROM bench.series s
    WHERE s.name = 'total_mfx_burned' AND s.schema = 'testnet' ON CONFLICT DO NOTHING;
END
$$;
