-- The whole days of a window in which roll-ups are made anew, hours before days.
SELECT
    r.rollup,
    date_bin(INTERVAL '1 day', %(start)s, TIMESTAMPTZ '2000-01-01 00:00:00+00'),
    date_bin(
        INTERVAL '1 day',
        %(end)s + INTERVAL '1 day' - INTERVAL '1 microsecond',
        TIMESTAMPTZ '2000-01-01 00:00:00+00')
FROM internal.rollup r
WHERE r.aggregate = %(aggregate)s
ORDER BY r.width
