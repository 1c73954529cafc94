DROP FUNCTION api.get_all_latest_token_metrics(text);
DROP FUNCTION api.get_latest_market_cap(text);
DROP FUNCTION api.get_latest_fdv(text);
DROP FUNCTION api.get_latest_burned_supply(text);
DROP FUNCTION api.get_latest_circulating_supply(text);

NOTIFY pgrst, 'reload schema';
