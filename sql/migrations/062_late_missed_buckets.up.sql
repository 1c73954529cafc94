-- Only without TimescaleDB, whose log of invalidations knows every row that a policy has not seen.
SELECT 1;
