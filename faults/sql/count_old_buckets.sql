SELECT count(*) FROM internal.prometheus_mainnet_1m WHERE bucket < now() - INTERVAL '30 days'
