DROP FUNCTION api.get_agg_burned_supply(text, interval, timestamptz, timestamptz);
DROP FUNCTION api.get_agg_circulating_supply(text, interval, timestamptz, timestamptz);

NOTIFY pgrst, 'reload schema';
