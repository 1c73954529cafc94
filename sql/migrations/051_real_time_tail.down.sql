-- TimescaleDB's real-time aggregates know how far they are materialized when a query is planned.
SELECT 1;
