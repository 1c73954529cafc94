-- Hours before the days that are made of them.
SELECT rollup FROM internal.rollup WHERE aggregate = %s ORDER BY width
