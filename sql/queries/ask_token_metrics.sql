-- Circulating supply, fully diluted value and market capitalization, the newest of each.
SELECT table_name AS metric, value, timestamp
FROM api.get_all_latest_token_metrics('mainnet')
