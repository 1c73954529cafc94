-- A real-time aggregate is a view over a table beside it.
SELECT coalesce(to_regclass(asked.name || '_stored'), to_regclass(asked.name))::text
FROM (SELECT %s::text) AS asked (name)
