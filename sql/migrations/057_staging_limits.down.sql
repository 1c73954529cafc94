DROP FUNCTION internal.is_series_limit_reached();
DROP TABLE internal.staged_name;
DROP TABLE internal.staging_limit;
