-- From the beginning, whatever changed. Each statement in a transaction of its own.
CALL public.refresh_continuous_aggregate('cumsum.all_metrics_minute', NULL, NULL);
CALL public.refresh_continuous_aggregate('internal.cagg_calculated_metric', NULL, NULL);
CALL public.refresh_continuous_aggregate('internal.prometheus_mainnet_1m', NULL, NULL);
CALL public.refresh_continuous_aggregate('internal.prometheus_testnet_1m', NULL, NULL);
CALL public.refresh_continuous_aggregate('internal.prometheus_common_1m', NULL, NULL);
CALL public.refresh_continuous_aggregate('geo.latest_coords', NULL, NULL);
