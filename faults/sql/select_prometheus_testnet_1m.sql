SELECT bucket, name, value FROM internal.prometheus_testnet_1m;
