SELECT bucket, name, value FROM internal.prometheus_mainnet_1m;
