-- One refresh of an aggregate at a time, roll-ups included. TimescaleDB loses a change that is
-- committed while another refresh moves the end of what it logs.
SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('refresh ' || %s, 0))
