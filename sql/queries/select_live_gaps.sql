-- Those that the source could fill; what it has not is not asked for.
SELECT record, hour, missing, absent, attempts, noted_at
FROM internal.live_gap
WHERE NOT isempty(missing)
ORDER BY hour, record
