-- Far shorter than the retention: a policy that looked back over dropped chunks would remove
-- the buckets above them.
SELECT public.add_continuous_aggregate_policy(
    'cumsum.all_metrics_minute',
    start_offset => INTERVAL '1 hour',
    end_offset => INTERVAL '1 minute',
    schedule_interval => INTERVAL '1 minute'
);
SELECT public.add_continuous_aggregate_policy(
    'internal.cagg_calculated_metric',
    start_offset => INTERVAL '1 hour',
    end_offset => INTERVAL '1 minute',
    schedule_interval => INTERVAL '1 minute'
);
SELECT public.add_continuous_aggregate_policy(
    'internal.prometheus_mainnet_1m',
    start_offset => INTERVAL '1 hour',
    end_offset => INTERVAL '1 minute',
    schedule_interval => INTERVAL '1 minute'
);
SELECT public.add_continuous_aggregate_policy(
    'internal.prometheus_testnet_1m',
    start_offset => INTERVAL '1 hour',
    end_offset => INTERVAL '1 minute',
    schedule_interval => INTERVAL '1 minute'
);
SELECT public.add_continuous_aggregate_policy(
    'internal.prometheus_common_1m',
    start_offset => INTERVAL '1 hour',
    end_offset => INTERVAL '1 minute',
    schedule_interval => INTERVAL '1 minute'
);
SELECT public.add_continuous_aggregate_policy(
    'geo.latest_coords',
    start_offset => INTERVAL '1 hour',
    end_offset => INTERVAL '1 minute',
    schedule_interval => INTERVAL '1 minute'
);
