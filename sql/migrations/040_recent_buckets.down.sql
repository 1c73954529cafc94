DROP FUNCTION internal.newest_buckets(timestamptz, timestamptz);
