DROP FUNCTION api.get_all_latest_common_metrics();
DROP FUNCTION api.get_all_latest_testnet_metrics();
DROP FUNCTION api.get_all_latest_mainnet_metrics();
DROP FUNCTION internal.latest_metrics(text);

NOTIFY pgrst, 'reload schema';
