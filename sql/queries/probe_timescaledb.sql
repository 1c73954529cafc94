-- Sent in a transaction that is rolled back: the licence is known only once the library is loaded.
CREATE EXTENSION IF NOT EXISTS timescaledb WITH SCHEMA public;
SELECT pg_catalog.current_setting('timescaledb.license') = 'timescale'
