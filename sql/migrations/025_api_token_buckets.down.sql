DROP FUNCTION internal.latest_token_bucket(text, boolean);
DROP FUNCTION internal.token_buckets(text, interval, timestamptz, timestamptz, boolean, boolean);
