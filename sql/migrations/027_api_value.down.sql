DROP FUNCTION api.get_agg_market_cap(text, interval, timestamptz, timestamptz);
DROP FUNCTION api.get_agg_fdv(text, interval, timestamptz, timestamptz);

NOTIFY pgrst, 'reload schema';
