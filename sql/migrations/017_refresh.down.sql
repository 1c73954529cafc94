DROP FUNCTION internal.refresh_floor(text);
