SELECT s.schema, n.name, coalesce(c.spans, '{}')
FROM unnest(%(schemas)s::text[]) AS s (schema)
CROSS JOIN LATERAL unnest(internal.coverage_names(s.schema)) AS n (name)
LEFT JOIN LATERAL internal.coverage_spans(s.schema, %(start)s, %(end)s) c ON c.name = n.name
ORDER BY 1, 2
