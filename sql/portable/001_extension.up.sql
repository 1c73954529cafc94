-- Plain PostgreSQL needs no extension. What TimescaleDB's policies do, a schedule does here.
SELECT 1;
