-- What the sensor that refreshes has not come to, or saw too early; see internal.refresh_newest.
SELECT lower(span), upper(span)
FROM internal.refresh_mark m
CROSS JOIN LATERAL unnest(
    m.missed + tstzmultirange(
        tstzrange(least(m.refreshed_to - INTERVAL '55 minutes', now()), now()))
) AS span
WHERE m.aggregate = %s
