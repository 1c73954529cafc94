DROP FUNCTION internal.check_series_request(text[], text, interval, timestamptz, timestamptz);
