ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;

-- Without CASCADE: a schema that still holds somebody's table is an error, not a loss.
DROP SCHEMA staging_cumsum;
DROP SCHEMA staging_internal;
DROP SCHEMA geo;
DROP SCHEMA cumsum;
DROP SCHEMA internal;
DROP SCHEMA api;
