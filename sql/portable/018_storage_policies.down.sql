DROP FUNCTION internal.drop_expired_rows();
