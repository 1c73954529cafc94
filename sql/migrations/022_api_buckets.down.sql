DROP FUNCTION internal.plain_text(numeric);
DROP FUNCTION internal.bucket_start(interval, timestamptz);
