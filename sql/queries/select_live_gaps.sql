-- Those that the source could fill; and for a day those that it could not, as it may have been
-- away itself.
SELECT record, hour, missing, absent, attempts, noted_at, checked_at
FROM internal.live_gap
WHERE NOT isempty(missing) OR hour > now() - INTERVAL '1 day'
ORDER BY hour, record
