SELECT public.remove_continuous_aggregate_policy('geo.latest_coords');
SELECT public.remove_continuous_aggregate_policy('internal.prometheus_common_1m');
SELECT public.remove_continuous_aggregate_policy('internal.prometheus_testnet_1m');
SELECT public.remove_continuous_aggregate_policy('internal.prometheus_mainnet_1m');
SELECT public.remove_continuous_aggregate_policy('internal.cagg_calculated_metric');
SELECT public.remove_continuous_aggregate_policy('cumsum.all_metrics_minute');
