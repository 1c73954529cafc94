DROP FUNCTION api.get_coverage(text, interval, timestamptz, timestamptz);

NOTIFY pgrst, 'reload schema';
