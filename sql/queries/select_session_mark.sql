-- Null where the startup options of this session never reached the server.
SELECT pg_catalog.current_setting('promtsdb.session', true)
