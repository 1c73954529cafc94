-- A table without TimescaleDB has no chunks.
SELECT 1;
