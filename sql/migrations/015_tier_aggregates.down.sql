DROP MATERIALIZED VIEW internal.prometheus_common_1m;
DROP MATERIALIZED VIEW internal.prometheus_testnet_1m;
DROP MATERIALIZED VIEW internal.prometheus_mainnet_1m;
