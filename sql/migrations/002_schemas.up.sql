CREATE SCHEMA api;
CREATE SCHEMA internal;
CREATE SCHEMA cumsum;
CREATE SCHEMA geo;
CREATE SCHEMA staging_internal;
CREATE SCHEMA staging_cumsum;

COMMENT ON SCHEMA api IS 'functions that PostgREST exposes; nothing else';
COMMENT ON SCHEMA internal IS 'metrics, tags, aggregates and bookkeeping';
COMMENT ON SCHEMA cumsum IS 'cumulative metrics: increments, and their sums a minute';
COMMENT ON SCHEMA geo IS 'coordinates';
COMMENT ON SCHEMA staging_internal IS 'where Telegraf lands gauges';
COMMENT ON SCHEMA staging_cumsum IS 'where Telegraf lands increments';

-- A schema's own default privileges can only add to the global ones, so the right that every
-- new function gives to PUBLIC has to be taken away globally, for the functions of this role
-- in this database.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
