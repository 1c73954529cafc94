-- What staging refused since yesterday, UTC.
SELECT reason, sum(rows)::bigint
FROM internal.refused_row
WHERE source = %s AND day >= (now() AT TIME ZONE 'UTC')::date - 1
GROUP BY reason
ORDER BY reason
