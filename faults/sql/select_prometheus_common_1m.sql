SELECT bucket, name, value FROM internal.prometheus_common_1m;
