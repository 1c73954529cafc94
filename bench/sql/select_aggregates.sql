-- Roll-ups first: they read the others.
SELECT rollup FROM internal.rollup
UNION ALL
SELECT DISTINCT coalesce(to_regclass(aggregate || '_stored')::text, aggregate)
FROM internal.rollup
