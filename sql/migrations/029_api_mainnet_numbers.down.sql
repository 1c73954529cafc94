DROP FUNCTION api.get_latest_mainnet_total_supply_value();
DROP FUNCTION api.get_latest_mainnet_circulating_supply_value();

NOTIFY pgrst, 'reload schema';
