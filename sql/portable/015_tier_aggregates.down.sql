DROP FUNCTION internal.prometheus_common_1m_rows(timestamptz, timestamptz);
DROP FUNCTION internal.prometheus_testnet_1m_rows(timestamptz, timestamptz);
DROP FUNCTION internal.prometheus_mainnet_1m_rows(timestamptz, timestamptz);
DROP FUNCTION internal.tier_rows(text, timestamptz, timestamptz);
DROP TABLE internal.prometheus_common_1m;
DROP TABLE internal.prometheus_testnet_1m;
DROP TABLE internal.prometheus_mainnet_1m;
