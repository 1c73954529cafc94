DROP FUNCTION api.get_agg_metric(text, text, interval, timestamptz, timestamptz);
DROP VIEW internal.prometheus_1m;

NOTIFY pgrst, 'reload schema';
