DROP FUNCTION internal.refresh_aggregate(text, timestamptz, timestamptz);
DROP FUNCTION internal.refresh_floor(text);
