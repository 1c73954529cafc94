SELECT s.schema, c.name, c.step, c.spans, c.asked
FROM unnest(%(schemas)s::text[]) AS s (schema)
CROSS JOIN LATERAL internal.coverage_steps(s.schema, %(start)s, %(end)s) c
