-- A schedule refreshes the last hour here.
SELECT 1;
