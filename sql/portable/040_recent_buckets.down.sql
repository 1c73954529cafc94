DROP FUNCTION internal.newest_buckets(timestamptz, timestamptz);
DROP FUNCTION internal.drop_expired_rows(interval, timestamptz);
DROP FUNCTION internal.refresh_recent(text);
DROP TABLE internal.refresh_mark;
ALTER FUNCTION internal.refresh_aggregate(text, timestamptz, timestamptz) RESET jit;
