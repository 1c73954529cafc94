DROP FUNCTION api.get_all_latest_cumsum_metrics();
DROP FUNCTION api.get_agg_cumsum_metric(text, text, interval, timestamptz, timestamptz);

NOTIFY pgrst, 'reload schema';
